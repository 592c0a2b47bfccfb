// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"fmt"
	"time"
)

// UnitName is the agent's systemd unit.
const UnitName = "macaw-agent.service"

// Unit returns the text of the agent's systemd unit, for the macaw-node binary and the
// configuration at these absolute paths.
func Unit(binary, config string) string {
	return fmt.Sprintf(unit, binary, config, int(watchdog.Seconds()))
}

// watchdog is how long systemd waits for a heartbeat before it kills the agent.
const watchdog = time.Minute

// No default dependencies: cloud-init puts sysinit.target after the network,
// and the network comes after Open vSwitch, which must find the provider port.
//
// No sandboxing that makes a mount namespace of its own: a BPF file system that
// the agent mounts must outlive it.
//
// There is no limit of starts: giving up on the agent would leave new floating IPs dead
// until an operator looks. The watchdog kills an agent whose loop hangs (see heartbeat),
// which leaves the stacks of its goroutines in the journal.
//
// A node's memory is for guests. GOGC=50 lets the heap grow by half between two
// collections. GOMEMLIMIT is soft (package runtime, "Environment Variables"): near
// it the collector runs more often, and free memory goes back to the kernel.
const unit = `[Unit]
Description=Macaw: addresses and translation of the provider network
DefaultDependencies=no
RequiresMountsFor=/etc/macaw /var/lib/macaw
Wants=network-pre.target
After=local-fs.target network-pre.target systemd-sysctl.service systemd-modules-load.service
Before=openvswitch-switch.service ovs-vswitchd.service ovn-controller.service network.target
Conflicts=shutdown.target
Before=shutdown.target
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
ExecStart=%s agent --config %s
ExecReload=kill -HUP $MAINPID
Restart=always
RestartSec=1
TimeoutStartSec=60
WatchdogSec=%d
OOMScoreAdjust=-900
Environment=GOGC=50 GOMEMLIMIT=20MiB GOMAXPROCS=2
LimitMEMLOCK=infinity

[Install]
WantedBy=multi-user.target
`

package agent

import (
	"fmt"
	"time"
)

// UnitName is the agent's systemd unit.
const UnitName = "macaw-agent.service"

// Unit returns the text of the agent's systemd unit, for the macaw binary and
// the configuration at these absolute paths.
func Unit(binary, config string) string {
	return fmt.Sprintf(unit, binary, config, int(watchdog.Seconds()))
}

// watchdog is how long the agent's loop may say nothing before systemd kills it, see
// turned.
const watchdog = time.Minute

// No default dependencies: cloud-init puts sysinit.target after the network,
// and the network comes after Open vSwitch, which must find the provider port.
//
// No sandboxing that makes a mount namespace of its own: a BPF file system that
// the agent mounts must outlive it.
//
// It is started again for as long as it takes: without a limit of starts, since who
// gives up on the agent leaves new floating IPs dead until somebody looks. The watchdog
// kills an agent whose loop does not turn (see turned), which leaves its goroutines'
// stacks in the journal.
//
// A node's memory is for guests. GOGC=50 lets the heap grow by half between two
// collections. GOMEMLIMIT is soft (package runtime, "Environment Variables"): near
// it the collector runs more often, and memory that is free goes back to the kernel.
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

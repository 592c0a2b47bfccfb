// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"macaw.example/internal/model"
)

var ovnCentral = service{
	name:  "ovn-central",
	roles: []model.Role{model.Controller},
	files: []configFile{
		{template: "ovn-central", path: "/etc/default/ovn-central", readers: []string{
			"ovn-ovsdb-server-nb.service", "ovn-ovsdb-server-sb.service",
		}},
	},
	units: []string{"ovn-ovsdb-server-nb.service", "ovn-ovsdb-server-sb.service", "ovn-northd.service",
		"ovn-central.service"},
}

var ovnHost = service{
	name:  "ovn-host",
	roles: []model.Role{model.Compute, model.Gateway},
	units: []string{"ovn-controller.service", "ovn-host.service"},
	// OVN announces addresses when it starts; the translation must work by then.
	after: []string{"macaw-agent.service"},
}

// commonZone makes a router translate sources and destinations in one zone of connection tracking
// rather than in one for each. Otherwise a packet from one tenant's router to another's floating IP
// is tracked nine times, and Open vSwitch's userspace datapath drops packets after six
// recirculations (MAX_RECIRC_DEPTH in lib/dpif-netdev.c); the kernel's has a limit of its own
// (DEFERRED_ACTION_FIFO_SIZE in net/openvswitch/actions.c). Neutron sets other options in the same
// row, and leaves this one alone.
//
// ovn-nb(5) warns of it for routers with both load balancers and source translation, which is how
// Neutron implements port forwardings. Those work nevertheless: from outside, from other routers
// and from their own networks.
const commonZone = "options:use_common_zone"

// startCentral starts OVN's databases and northd.
func (n *node) startCentral(ctx context.Context) error {
	started := n.ensureRunning(ctx, ovnCentral.units...)
	if started != nil && !errors.Is(started, errNothingToDo) {
		return started
	}
	const northbound = "ovn-nbctl --timeout=30 "
	var seen string
	// Debian's unit counts as started before the database has its socket.
	err := await(ctx, "OVN's northbound database", startLimit, func(ctx context.Context) (err error) {
		seen, err = n.run(ctx, command{Args: strings.Fields(northbound + "--if-exists get NB_Global . " + commonZone)})
		return err
	})
	if err != nil {
		return fmt.Errorf("reading OVN's options: %w", err)
	}
	if strings.Trim(strings.TrimSpace(seen), `"`) == "true" {
		return started
	}
	if _, err := n.run(ctx, command{Args: strings.Fields(northbound + "set NB_Global . " + commonZone +
		"=true")}); err != nil {
		return fmt.Errorf("setting OVN's options: %w", err)
	}
	return nil
}

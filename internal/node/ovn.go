// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"macaw.example/internal/model"
	"macaw.example/internal/nodeapi"
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
	files: []configFile{
		{template: "ovn-host", path: "/etc/default/ovn-host", readers: []string{"ovn-controller.service"}},
	},
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
const commonZone = "use_common_zone"

// ovnSetting is a wanted value in one of OVN's databases.
type ovnSetting struct {
	tool string // ovn-nbctl or ovn-sbctl
	get  string // its arguments that print the value
	want string
	set  string // its arguments that set it
}

// listens makes a database listen at the management address, by TLS, for holders of a certificate.
func (n *node) listens(tool string, port int) ovnSetting {
	target := fmt.Sprintf("pssl:%d:%s", port, n.spec.Management.Address)
	return ovnSetting{tool: tool, get: "--bare --columns=target list Connection", want: target,
		set: "set-connection " + target}
}

// bfd makes gateways notice the death of another one after 0.6 s, when three packets in a row are missing
// that are due every 200 ms. With OVN's defaults routers came back after 4.1 s, with these after 1.6 s, of
// which one second is for flows and ARP. Five packets a second and tunnel cost nothing, and a gateway that is
// too busy to send one for 0.6 s does not forward either.
var bfd = []ovnSetting{
	globalSetting("bfd-min-rx", "200"), globalSetting("bfd-min-tx", "200"), globalSetting("bfd-mult", "3"),
}

// globalSetting is an option of the whole northbound database.
func globalSetting(option, value string) ovnSetting {
	column := "options:" + option
	return ovnSetting{tool: northbound, get: "--if-exists get NB_Global . " + column, want: value,
		set: "set NB_Global . " + column + "=" + value}
}

const northbound, southbound = "ovn-nbctl", "ovn-sbctl"

// settings are those of the databases. With a single gateway there is no BFD.
func (n *node) settings() []ovnSetting {
	all := []ovnSetting{globalSetting(commonZone, "true"), n.listens(northbound, nodeapi.NorthboundPort),
		n.listens(southbound, nodeapi.SouthboundPort)}
	if len(n.spec.Peers(model.Gateway)) > 1 {
		all = append(all, bfd...)
	}
	return all
}

// startCentral starts OVN's databases and northd, and makes the databases serve the other nodes.
func (n *node) startCentral(ctx context.Context) error {
	started := n.ensureRunning(ctx, ovnCentral.units...)
	if started != nil && !errors.Is(started, errNothingToDo) {
		return started
	}
	for _, s := range n.settings() {
		tool := []string{s.tool, "--timeout=30"}
		var seen string
		// Debian's unit counts as started before the database has its socket.
		err := await(ctx, "OVN's database, by "+s.tool, startLimit, func(ctx context.Context) (err error) {
			seen, err = n.run(ctx, command{Args: append(tool, strings.Fields(s.get)...)})
			return err
		})
		if err != nil {
			return fmt.Errorf("reading OVN's settings: %w", err)
		}
		if strings.Trim(strings.TrimSpace(seen), `"`) == s.want {
			continue
		}
		if _, err := n.run(ctx, command{Args: append(tool, strings.Fields(s.set)...)}); err != nil {
			return fmt.Errorf("setting %s in OVN: %w", s.set, err)
		}
		started = nil
	}
	return started
}

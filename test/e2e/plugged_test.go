// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/portsbinding"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/portsecurity"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"
)

// plugged is a host on an OpenStack network, with all the tools that a guest lacks: a
// network namespace on the node, bound to a Neutron port.
type plugged struct {
	t          *testing.T
	file, name string
	port       *ports.Port
	address    netip.Addr // IPv4
	gateway    netip.Addr
}

// plug makes a host. The subnet's first address is its gateway.
func plug(t *testing.T, file, name string, p *project, opts ports.CreateOpts, secure bool) *plugged {
	t.Helper()
	opts.Name = name
	port, err := ports.Create(t.Context(), p.network, portsbinding.CreateOptsExt{
		CreateOptsBuilder: portsecurity.PortCreateOptsExt{CreateOptsBuilder: opts, PortSecurityEnabled: &secure},
		HostID:            "cloud-1",
	}).Extract()
	p.check("port "+name, err)
	h := &plugged{t: t, file: file, name: name, port: port}
	for _, ip := range port.FixedIPs {
		if a := netip.MustParseAddr(ip.IPAddress); a.Is4() {
			h.address, h.gateway = a, netip.PrefixFrom(a, 24).Masked().Addr().Next()
		}
	}
	onNode(t, file, fmt.Sprintf(`ovs-vsctl add-port br-int %[1]s -- set interface %[1]s type=internal mac=\"%[2]s\" external_ids:iface-id=%[3]s
		ip netns add %[1]s && ip link set %[1]s netns %[1]s && ip -n %[1]s link set %[1]s address %[2]s mtu 1500 up
		ip -n %[1]s link set lo up; ip -n %[1]s addr add %[4]s/24 dev %[1]s && ip -n %[1]s route add default via %[5]s`,
		name, port.MACAddress, port.ID, h.address, h.gateway))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		_, _ = command(ctx, macaw, "ssh", file, "--", "sudo", "sh", "-c",
			fmt.Sprintf("'ip netns del %[1]s; ovs-vsctl del-port %[1]s'", name))
		if err := ports.Delete(ctx, p.network, port.ID).ExtractErr(); err != nil {
			t.Logf("removing port %s: %v", name, err)
		}
	})
	return h
}

// run runs a shell command on the host.
func (h *plugged) run(script string) string {
	h.t.Helper()
	return onNode(h.t, h.file, fmt.Sprintf("ip netns exec %s sh -c '%s'", h.name, strings.ReplaceAll(script, "'", `'\''`)))
}

// python runs a Python program on the host.
func (h *plugged) python(program string, args ...string) string {
	h.t.Helper()
	for i, a := range args {
		args[i] = "'" + a + "'"
	}
	return h.run(fmt.Sprintf("python3 -c '%s' %s", strings.ReplaceAll(program, "'", `'\''`), strings.Join(args, " ")))
}

// reaches pings an address from the host, once.
func (h *plugged) reaches(address string) error {
	ctx, cancel := context.WithTimeout(h.t.Context(), 10*time.Second)
	defer cancel()
	_, err := command(ctx, macaw, "ssh", h.file, "--", "sudo", "ip", "netns", "exec", h.name, "ping", "-q", "-c", "1",
		"-W", "1", address)
	return err
}

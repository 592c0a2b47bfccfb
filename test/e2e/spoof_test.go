// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"
)

// forge sends IPv4 packets with forged sources to an address: UDP, TCP, ICMP, and a second
// fragment.
const forge = `
import socket, struct, sys, time

def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff

s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
to = sys.argv[1]
for source in sys.argv[2:]:
    a, b = socket.inet_aton(source), socket.inet_aton(to)
    def pseudo(proto, data):
        return checksum(a + b + struct.pack("!BBH", 0, proto, len(data)) + data)
    udp = struct.pack("!HHHH", 4000, 9, 16, 0) + b"forged!!"
    udp = udp[:6] + struct.pack("!H", pseudo(17, udp)) + udp[8:]
    tcp = struct.pack("!HHIIBBHHH", 4000, 9, 1, 0, 5 << 4, 2, 1024, 0, 0)
    tcp = tcp[:16] + struct.pack("!H", pseudo(6, tcp)) + tcp[18:]
    icmp = struct.pack("!BBHHH", 8, 0, 0, 77, 1) + b"forged!!"
    icmp = icmp[:2] + struct.pack("!H", checksum(icmp)) + icmp[4:]
    for proto, data, fragment in (17, udp, 0), (6, tcp, 0), (1, icmp, 0), (17, b"forged!!", 185):
        head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(data), 7, fragment, 64, proto, 0, a, b)
        s.sendto(head + data, (to, 0))
        time.sleep(0.05)
`

// claim claims addresses by ARP, from the host's own MAC: as the sender of requests,
// announcements and replies.
const claim = `
import socket, struct, sys, time
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind((sys.argv[1], 0))
mac = s.getsockname()[4]
gateway = socket.inet_aton(sys.argv[2])
for source in sys.argv[3:]:
    a = socket.inet_aton(source)
    for operation, target in (1, gateway), (1, a), (2, a), (2, gateway):
        s.send(b"\xff" * 6 + mac + struct.pack("!HHHBBH6s4s6s4s", 0x806, 1, 0x800, 6, 4, operation, mac, a, b"\0" * 6, target))
        time.sleep(0.05)
`

// nowhere is an address that receives only forged packets.
const nowhere = "8.8.4.4"

// counters returns the translation's counters, by reason.
func counters(t *testing.T, file string) map[string]uint64 {
	t.Helper()
	out := must(t, macaw, "agent", "status", file, "--output", "json")
	var status struct {
		Counters map[string]struct{ Packets uint64 }
	}
	if err := json.Unmarshal([]byte(out), &status); err != nil || len(status.Counters) == 0 {
		t.Fatalf("agent status prints %s: %v", out, err)
	}
	all := map[string]uint64{}
	for reason, c := range status.Counters {
		all[reason] = c.Packets
	}
	return all
}

// testSpoofing sends from a tenant's port without port security with the addresses of
// others, and pings one of these meanwhile.
func testSpoofing(t *testing.T, file string, s summary, flows *recorder, attacker, victim *floatingIP) {
	var status struct {
		Nodes []struct {
			ManagementAddress netip.Addr
			ProviderENI       struct{ Primary netip.Addr }
		}
	}
	if err := json.Unmarshal([]byte(must(t, macaw, "status", file, "--output", "json")), &status); err != nil ||
		len(status.Nodes) != 1 {
		t.Fatalf("status: %d nodes, %v", len(status.Nodes), err)
	}
	node := status.Nodes[0]
	router := gatewayAddress(t, victim.project)
	foreign := []string{victim.private, router, node.ProviderENI.Primary.String(), node.ManagementAddress.String(),
		"10.0.77.77"}
	inside := plug(t, file, "inside", attacker.project, ports.CreateOpts{NetworkID: attacker.net}, false)
	eventually(t, "the host without port security reaches out", time.Minute,
		func() error { return inside.reaches("8.8.8.8") })
	outside := plug(t, file, "outside", attacker.project, ports.CreateOpts{NetworkID: attacker.external}, false)
	eventually(t, "the host on the external network reaches out", 2*time.Minute,
		func() error { return outside.reaches("8.8.8.8") })

	unused := unusedAddress(t, s, attacker.project)
	before := counters(t, file)
	var pinging sync.WaitGroup
	pinging.Go(func() {
		if got := pings(t, victim.public, 60); got != 60 {
			t.Errorf("of 60 pings of %s, in whose name others send, %d were answered", victim, got)
		}
	})
	inside.python(forge, append([]string{nowhere, unused}, foreign...)...)
	outside.python(forge, append([]string{nowhere}, foreign...)...)
	outside.python(claim, append([]string{"outside", outside.gateway.String()}, foreign...)...)
	pinging.Wait()
	after := counters(t, file)

	for reason, atLeast := range map[string]int{
		// OVN reassembles fragments before routing, and answers ARP requests for a router
		// itself.
		"out_spoofed_ipv4": (3 + 4) * len(foreign), "out_spoofed_arp": 3 * len(foreign), "out_unregistered_ipv4": 3,
	} {
		if got := after[reason] - before[reason]; got < uint64(atLeast) {
			t.Errorf("%s: %d frames counted, want at least %d", reason, got, atLeast)
		}
	}
	to := netip.MustParseAddr(nowhere)
	for _, f := range flows.seen(t) {
		if f.Destination == to {
			t.Errorf("it left: %+v", f)
		}
	}
}

// unusedAddress returns an unallocated address from Neutron's pool.
func unusedAddress(t *testing.T, s summary, p *project) string {
	t.Helper()
	pages, err := ports.List(p.network, ports.ListOpts{NetworkID: p.external}).AllPages(t.Context())
	p.check("ports", err)
	all, err := ports.ExtractPorts(pages)
	p.check("ports", err)
	used := map[string]bool{}
	for _, port := range all {
		for _, ip := range port.FixedIPs {
			used[ip.IPAddress] = true
		}
	}
	for _, a := range s.Addresses {
		if !used[a.Private] {
			return a.Private
		}
	}
	t.Fatalf("all of %+v are in use", s.Addresses)
	return ""
}

// gatewayAddress returns the IPv4 address of a project's router.
func gatewayAddress(t *testing.T, p *project) string {
	t.Helper()
	pages, err := ports.List(p.network,
		ports.ListOpts{NetworkID: p.external, DeviceOwner: "network:router_gateway"}).AllPages(t.Context())
	p.check("gateway port", err)
	all, err := ports.ExtractPorts(pages)
	p.check("gateway port", err)
	inner, err := ports.List(p.network,
		ports.ListOpts{NetworkID: p.net, DeviceOwner: "network:router_interface"}).AllPages(t.Context())
	p.check("router's port", err)
	own, err := ports.ExtractPorts(inner)
	p.check("router's port", err)
	for _, port := range all {
		if len(own) == 1 && port.DeviceID == own[0].DeviceID {
			return port.FixedIPs[0].IPAddress
		}
	}
	t.Fatalf("project %s has no router with a gateway", p.name)
	return ""
}

// testMetadataOutside requests the instance's role credentials from the external network.
func testMetadataOutside(t *testing.T, file string, p *project) {
	h := plug(t, file, "guest", p, ports.CreateOpts{NetworkID: p.external, SecurityGroups: &[]string{p.group}}, true)
	eventually(t, "the host on the external network reaches out", 2*time.Minute,
		func() error { return h.reaches("8.8.8.8") })
	const try = `
import socket
for address in "169.254.169.254", "169.254.169.253", "169.254.169.123":
    for port in 80, 53:
        try:
            socket.create_connection((address, port), 1.5)
            print("reached", address, port)
        except OSError:
            pass
`
	before := counters(t, file)
	for what, route := range map[string]string{"by the gateway": "via " + h.gateway.String(), "on the link": ""} {
		h.run("ip route replace 169.254.0.0/16 " + route + " dev guest")
		if got := h.python(try); strings.TrimSpace(got) != "" {
			t.Errorf("%s: %s", what, got)
		}
	}
	if got := counters(t, file)["out_metadata"] - before["out_metadata"]; got < 12 {
		t.Errorf("out_metadata: %d frames counted, want at least 12", got)
	}
}

// announce is keepalived's transition to master: it adds the address and announces it.
const announce = `
import socket, struct, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind((sys.argv[1], 0))
mac, a = s.getsockname()[4], socket.inet_aton(sys.argv[2])
for operation in 1, 2:
    s.send(b"\xff" * 6 + mac + struct.pack("!HHHBBH6s4s6s4s", 0x806, 1, 0x800, 6, 4, operation, mac, a, b"\xff" * 6, a))
`

// testSharedAddress moves an address between two guests as keepalived does.
func testSharedAddress(t *testing.T, file string, s summary, p *project) {
	ctx := t.Context()
	vip, err := ports.Create(ctx, p.network, ports.CreateOpts{Name: "vip", NetworkID: p.external}).Extract()
	p.check("reserved port", err)
	t.Cleanup(func() { _ = ports.Delete(t.Context(), p.network, vip.ID).ExtractErr() })
	address, public := vip.FixedIPs[0].IPAddress, ""
	for _, a := range s.Addresses {
		if a.Private == address {
			public = a.Public
		}
	}
	if public == "" {
		t.Fatalf("%s has no Elastic IP: %+v", address, s.Addresses)
	}
	var masters []*plugged
	for _, name := range []string{"vrrp1", "vrrp2"} {
		h := plug(t, file, name, p, ports.CreateOpts{NetworkID: p.external, SecurityGroups: &[]string{p.group},
			AllowedAddressPairs: []ports.AddressPair{{IPAddress: address}}}, true)
		eventually(t, name+" reaches out", 2*time.Minute, func() error { return h.reaches("8.8.8.8") })
		masters = append(masters, h)
	}
	for i := range 6 {
		now, was := masters[i%2], masters[1-i%2]
		was.run("ip addr del " + address + "/32 dev " + was.name + " 2>/dev/null; true")
		now.run("ip addr add " + address + "/32 dev " + now.name)
		now.python(announce, now.name, address)
		limit := 2 * time.Second
		if i == 0 {
			limit = time.Minute // until the next Neutron query
		}
		eventually(t, now.name+" answers at "+public, limit, guest{public: public}.answers)
	}
}

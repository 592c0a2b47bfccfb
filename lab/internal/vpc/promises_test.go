// SPDX-License-Identifier: Apache-2.0

package vpc

import (
	"testing"
	"time"
)

// What the fabric must enforce in any case, one test per rule, over both families. The
// other tests cover each rule in detail.

func TestPromiseSourceMACWhateverSourceDestCheckSays(t *testing.T) {
	b := newBench(t, fullTopology(), Config{})
	for name, body := range map[string][]byte{
		"IPv4": udp("10.0.0.41", 1, "10.0.0.21", 2), "IPv6": udp6(v6R, 1, v6A2, 2),
	} {
		proto := uint16(etherIPv4)
		if name == "IPv6" {
			proto = etherIPv6
		}
		b.expect(name, r, ethernet(macA2, macX, proto, body), "drop egress eni-r: source-mac")
	}
	b.expect("ARP", r, arpFrame(broadcastMAC, macX, arpRequest, macX, "10.0.0.41", "10.0.0.1"),
		"drop egress eni-r: source-mac")
	b.expect("neighbour discovery", r, probe6(macX, "2001:db8:1000:a00::99"), "drop egress eni-r: source-mac")
	dhcp := dhcpFrame(macX, "0.0.0.0", "255.255.255.255", dhcpDiscover)
	b.expect("DHCP", r, dhcp, "drop egress eni-r: source-mac")
	b.expect("own MAC", r, ethernet(macA2, macR, etherIPv4, udp("10.0.0.41", 1, "10.0.0.21", 2)),
		"eni-a2: r > a2 10.0.0.41:1 > 10.0.0.21:2 UDP length 28")
}

func TestPromiseSourceDestCheck(t *testing.T) {
	// 172.16.0.1 and 2001:db8:5::1 are not registered.
	for _, check := range []bool{true, false} {
		topo := fullTopology()
		topo.eni("eni-r").SourceDestCheck = check
		b := newBench(t, topo, Config{})
		for name, frames := range map[string][2][]byte{
			"IPv4": {ethernet(macA2, macR, etherIPv4, udp("172.16.0.1", 1, "10.0.0.21", 2)),
				ethernet(macR, macA1, etherIPv4, udp("10.0.0.11", 1, "172.16.0.1", 2))},
			"IPv6": {ethernet(macA2, macR, etherIPv6, udp6("2001:db8:5::1", 1, v6A2, 2)),
				ethernet(macR, macA1, etherIPv6, udp6(v6A1, 1, "2001:db8:5::1", 2))},
		} {
			b.send(r, frames[0])
			if want := map[bool]Reason{true: ReasonSourceAddress, false: ReasonNone}[check]; b.out.Reason != want {
				t.Errorf("%s, check %t: egress %s, want %s", name, check, b.out.Reason, want)
			}
			b.send(a1, frames[1])
			if want := map[bool]Reason{true: ReasonDestinationAddress, false: ReasonNone}[check]; b.out.Reason != want {
				t.Errorf("%s, check %t: ingress %s, want %s", name, check, b.out.Reason, want)
			}
		}
	}
}

func TestPromiseNothingIsFlooded(t *testing.T) {
	b := newBench(t, fullTopology(), Config{})
	for name, dst := range map[string]MAC{"broadcast": broadcastMAC, "multicast": {1, 0, 0x5e, 0, 0, 1},
		"multicast of IPv6": {0x33, 0x33, 0, 0, 0, 1}, "unknown unicast": macX} {
		for _, frame := range [][]byte{
			ethernet(dst, macA1, etherIPv4, udp("10.0.0.11", 1, "10.0.0.21", 2)),
			ethernet(dst, macA1, etherIPv6, udp6(v6A1, 1, v6A2, 2)),
			ethernet(dst, macA1, 0x88cc, make([]byte, 46)),
		} {
			if got := b.send(a1, frame); len(b.out.Deliveries) != 0 {
				t.Errorf("%s: %s", name, got)
			}
		}
	}
}

func TestPromiseAddressResolution(t *testing.T) {
	b := newBench(t, fullTopology(), Config{})
	ask := func(spa, tpa string) []byte { return arpFrame(broadcastMAC, macA1, arpRequest, macA1, spa, tpa) }
	b.expect("gateway", a1, ask("10.0.0.11", "10.0.0.1"), "eni-a1: gwA > a1 ARP 10.0.0.1 is-at gwA, to 10.0.0.11")
	b.expect("neighbour", a1, ask("10.0.0.11", "10.0.0.21"), "eni-a1: a2 > a1 ARP 10.0.0.21 is-at a2, to 10.0.0.11")
	b.expect("unregistered", a1, ask("10.0.0.11", "10.0.0.99"), "drop egress eni-a1: arp-unregistered")
	b.expect("probe of one's own, answered", a1, ask("0.0.0.0", "10.0.0.11"),
		"eni-a1: a1 > a1 ARP 10.0.0.11 is-at a1, to 0.0.0.0")
	b.expect("gratuitous", a1, ask("10.0.0.11", "10.0.0.11"), "drop egress eni-a1: arp-gratuitous")
	b.expect("neighbour, IPv6", a1, whoHas6(v6A1, v6A2), "eni-a1: a2 > a1 "+v6A2+" > "+v6A1+" "+v6A2+" is-at a2 length 72")
	b.expect("probe of one's own, IPv6: not answered", a1, probe6(macA1, v6A1), "drop egress eni-a1: nd-own")
}

func TestPromiseSubnetByMACAndRouterByTable(t *testing.T) {
	b := newBench(t, fullTopology(), Config{})
	// 192.0.2.1 is routed to eni-r, but the MAC is eni-a2's.
	b.expect("by MAC, not by table", a1, toA2(udp("10.0.0.11", 1, "192.0.2.1", 2)),
		"drop ingress eni-a2: destination-address")
	b.expect("by table", a1, viaGateway(udp("10.0.0.11", 1, "192.0.2.1", 2)),
		"eni-r: gwA > r 10.0.0.11:1 > 192.0.2.1:2 UDP length 28")
	b.expect("target with SourceDestCheck", a1, viaGateway(udp("10.0.0.11", 1, "192.0.2.65", 2)),
		"drop egress eni-a1: target-source-dest-check")
	b.expect("by MAC, IPv6", a1, toA26(udp6(v6A1, 1, "2001:db8:f::1", 2)), "drop ingress eni-a2: destination-address")
	b.expect("by table, IPv6", a1, viaGateway6(udp6(v6A1, 1, "2001:db8:f::1", 2)),
		"eni-r: gwA > r ["+v6A1+"]:1 > [2001:db8:f::1]:2 UDP length 48")
}

// A neighbour with a stale MAC for a moved address reaches nobody until it resolves the
// address again.
func TestPromiseStaleNeighboursAreBlackHoles(t *testing.T) {
	b := newBench(t, fullTopology(), Config{})
	old := ethernet(macA1, macR, etherIPv4, udp("10.0.0.41", 1, "10.0.0.12", 2))
	old6 := ethernet(macA1, macR, etherIPv6, udp6(v6R, 1, "2001:db8:1000:a00::12", 2))
	b.expect("before", r, old, "eni-a1: r > a1 10.0.0.41:1 > 10.0.0.12:2 UDP length 28")
	b.expect("before, IPv6", r, old6, "eni-a1: r > a1 ["+v6R+"]:1 > [2001:db8:1000:a00::12]:2 UDP length 48")
	topo := fullTopology()
	topo.eni("eni-a1").Addresses, topo.eni("eni-a2").Addresses = addrs("10.0.0.11"), addrs("10.0.0.21 10.0.0.12")
	topo.eni("eni-a1").IPv6, topo.eni("eni-a2").IPv6 = addrs(v6A1), addrs(v6A2+" 2001:db8:1000:a00::12")
	if err := b.SetTopology(topo); err != nil {
		t.Fatal(err)
	}
	if told := b.tick(); told != nil {
		t.Errorf("neighbours were told: %s", told)
	}
	b.expect("tracked, and yet", r, old, "drop ingress eni-a1: destination-address")
	b.expect("tracked, and yet, IPv6", r, old6, "drop ingress eni-a1: destination-address")
	b.expect("by the router it arrives", r, ethernet(gwA, macR, etherIPv4, udp("10.0.0.41", 1, "10.0.0.12", 2)),
		"eni-a2: gwA > a2 10.0.0.41:1 > 10.0.0.12:2 UDP length 28")
	b.expect("asked again", r, arpFrame(broadcastMAC, macR, arpRequest, macR, "10.0.0.41", "10.0.0.12"),
		"eni-r: a2 > r ARP 10.0.0.12 is-at a2, to 10.0.0.41")
}

func TestPromiseInternetGateway(t *testing.T) {
	b := newBench(t, fullTopology(), Config{})
	b.expect("with an Elastic IP", a1, viaGateway(udp("10.0.0.11", 1, "8.8.8.8", 2)),
		"internet: 198.51.100.11:1 > 8.8.8.8:2 UDP length 28")
	b.expect("without", a1, viaGateway(udp("10.0.0.12", 1, "8.8.8.8", 2)), "drop egress eni-a1: no-elastic-ip")
	b.expect("1501 bytes, don't fragment", a1,
		viaGateway(dontFragment(udp("10.0.0.11", 1, "8.8.8.8", 2, make([]byte, 1473)...))),
		"eni-a1: gwA > a1 10.0.0.1 > 10.0.0.11 ICMP type 3 code 4 length 576\ndrop egress eni-a1: internet-mtu")
	b.expect("9001 bytes within", a1, viaGateway(dontFragment(udp("10.0.0.11", 1, "10.0.1.31", 2, make([]byte, 8973)...))),
		"eni-b1: gwB > b1 10.0.0.11:1 > 10.0.1.31:2 UDP length 9001")
	b.expect("IPv6 without NAT", a1, viaGateway6(udp6(v6A1, 1, far6, 2)),
		"internet: ["+v6A1+"]:1 > ["+far6+"]:2 UDP length 48")
}

func TestPromiseSecurityGroups(t *testing.T) {
	b := newBench(t, grouped(SecurityGroup{Egress: []Rule{anyRule}}, SecurityGroup{}), Config{})
	b.expect("default deny", a1, toA2(udp("10.0.0.11", 1, "10.0.0.21", 2)), deniedIn)
	b = newBench(t, clientServer(), Config{})
	syn := toA2(tcp("10.0.0.11", 1000, "10.0.0.21", 22, tcpSYN))
	b.send(a1, syn)
	b.send(a2, toA1(tcp("10.0.0.21", 22, "10.0.0.11", 1000, tcpSYN|tcpACK)))
	b.now = b.now.Add(350 * time.Second)
	b.expect("stateful", a2, toA1(tcp("10.0.0.21", 22, "10.0.0.11", 1000, tcpACK)),
		"eni-a1: a2 > a1 10.0.0.21:22 > 10.0.0.11:1000 TCP ACK length 40")
	b.now = b.now.Add(351 * time.Second)
	b.expect("idle for 350 s", a2, toA1(tcp("10.0.0.21", 22, "10.0.0.11", 1000, tcpACK)),
		"drop egress eni-a2: security-group-egress")
}

func TestPromiseStatusCheckByARP(t *testing.T) {
	topo := testTopology()
	topo.eni("eni-a1").StatusCheck = true
	b := newBench(t, topo, Config{})
	if got := b.tick(); len(got) != 1 || got[0] != "eni-a1: gwA > * ARP who-has 10.0.0.11 tell 10.0.0.1 (gwA)" {
		t.Errorf("asked: %s", got)
	}
}

// Two VPCs have the same IPv4 addresses: no traffic passes between them.
func TestOverlappingVPCs(t *testing.T) {
	b := newBench(t, fullTopology(), Config{})
	b.expect("own neighbour asked for in the other VPC", c1,
		arpFrame(broadcastMAC, macC1, arpRequest, macC1, "10.0.0.11", "10.0.0.21"), "drop egress eni-c1: arp-unregistered")
	b.expect("routed in the other VPC", c1, ethernet(gwC, macC1, etherIPv4, udp("10.0.0.11", 1, "10.0.0.21", 2)),
		"drop egress eni-c1: unassigned")
	b.expect("router of the other VPC", c1, ethernet(gwA, macC1, etherIPv4, udp("10.0.0.11", 1, "10.0.0.21", 2)),
		"drop egress eni-c1: unknown-unicast")
	b.expect("IPv6 by the Internet gateway only", c1, ethernet(gwC, macC1, etherIPv6, udp6(v6C1, 1, v6A1, 2)),
		"eni-a1: gwA > a1 ["+v6C1+"]:1 > ["+v6A1+"]:2 UDP length 48")
}

// The ENIs of one machine are independent: traffic of one does not pass through the other.
func TestSeveralENIsOfAMachine(t *testing.T) {
	topo := fullTopology()
	topo.ENIs = append(topo.ENIs,
		ENI{ID: "eni-second", Subnet: "subnet-b", MAC: MAC{2, 0, 0, 0, 0, 0xb2}, Addresses: addrs("10.0.1.41"),
			SourceDestCheck: true, SecurityGroups: []string{"sg-open"}, Attached: true}) // on the same machine as eni-a1
	b := newBench(t, topo, Config{})
	second := ENIPort("eni-second")
	mac := MAC{2, 0, 0, 0, 0, 0xb2}
	b.send(second, ethernet(gwB, mac, etherIPv4, udp("10.0.1.41", 1, "10.0.0.11", 2)))
	if len(b.out.Deliveries) != 1 || b.out.Deliveries[0].To != a1 {
		t.Errorf("from one ENI to the other: %s", b.out.Reason)
	}
	b.expect("the other's address", second, ethernet(gwB, mac, etherIPv4, udp("10.0.0.11", 1, "10.0.1.31", 2)),
		"drop egress eni-second: source-address")
	b.expect("the other's MAC", second, ethernet(gwB, macA1, etherIPv4, udp("10.0.1.41", 1, "10.0.1.31", 2)),
		"drop egress eni-second: source-mac")
}

func TestBlackholeWhenTheENIGoes(t *testing.T) {
	via := viaGateway(udp("10.0.0.11", 1, "192.0.2.1", 2))
	via6 := viaGateway6(udp6(v6A1, 1, "2001:db8:f::1", 2))
	for name, change := range map[string]func(*Topology){
		"detached": func(t *Topology) { t.eni("eni-r").Attached = false },
		"deleted": func(t *Topology) {
			for i := range t.ENIs {
				if t.ENIs[i].ID == "eni-r" {
					t.ENIs = append(t.ENIs[:i:i], t.ENIs[i+1:]...)
					break
				}
			}
		},
	} {
		topo := fullTopology()
		change(&topo)
		b := newBench(t, topo, Config{})
		b.expect(name, a1, via, "drop egress eni-a1: blackhole")
		b.expect(name+", IPv6", a1, via6, "drop egress eni-a1: blackhole")
	}
}

func TestNICDown(t *testing.T) {
	topo := fullTopology()
	topo.eni("eni-a1").Down = true
	b := newBench(t, topo, Config{})
	const out, in = "drop egress eni-a1: nic-down", "drop ingress eni-a1: nic-down"
	b.expect("out", a1, toA2(udp("10.0.0.11", 1, "10.0.0.21", 2)), out)
	b.expect("out, ARP", a1, arpFrame(broadcastMAC, macA1, arpRequest, macA1, "10.0.0.11", "10.0.0.1"), out)
	b.expect("out, IPv6", a1, whoHas6(v6A1, v6A2), out)
	b.expect("in", a2, toA1(udp("10.0.0.21", 1, "10.0.0.11", 2)), in)
	b.expect("in, IPv6", a2, toA16(udp6(v6A2, 1, v6A1, 2)), in)
	b.expect("in from the Internet", Internet, udp("8.8.8.8", 1, "198.51.100.11", 2), in)
	b.expect("it is registered all the same", a2, arpFrame(broadcastMAC, macA2, arpRequest, macA2, "10.0.0.21",
		"10.0.0.11"), "eni-a2: a1 > a2 ARP 10.0.0.11 is-at a1, to 10.0.0.21")
	topo.eni("eni-a1").Down = false
	if err := b.SetTopology(topo); err != nil {
		t.Fatal(err)
	}
	client, _ := b.asked(a1, viaGateway(udp("10.0.0.11", 1, "169.254.169.254", 80)))
	topo.eni("eni-a1").Down = true
	if err := b.SetTopology(topo); err != nil {
		t.Fatal(err)
	}
	b.expect("in from the services", Services, udp("169.254.169.254", 80, client.String(), 1), in)
}

// An ENI's own idle timeouts do not affect another ENI.
func TestTrackingTimeouts(t *testing.T) {
	topo := clientServer()
	for _, id := range []string{"eni-a1", "eni-a2"} {
		topo.eni(id).Tracking = Tracking{TCPEstablished: 3600 * time.Second, UDP: 60 * time.Second,
			UDPStream: 70 * time.Second}
	}
	b := newBench(t, topo, Config{})
	const back = "drop egress eni-a2: security-group-egress"
	step := func(name string, wait time.Duration, from Port, ip []byte, want string) {
		t.Helper()
		b.now = b.now.Add(wait)
		frame := toA2(ip)
		if from == a2 {
			frame = toA1(ip)
		}
		if got := b.send(from, frame); want == "" && len(b.out.Deliveries) != 1 || want != "" && got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
	ask, reply := udp("10.0.0.11", 1, "10.0.0.21", 53), udp("10.0.0.21", 53, "10.0.0.11", 1)
	step("UDP", 0, a1, ask, "")
	step("UDP reply", 59*time.Second, a2, reply, "")
	step("UDP late", 61*time.Second, a2, reply, back)
	step("UDP", 0, a1, ask, "")
	step("UDP reply", 0, a2, reply, "")
	step("UDP stream", 0, a1, ask, "")
	step("UDP stream goes on", 69*time.Second, a2, reply, "")
	step("UDP stream late", 71*time.Second, a2, reply, back)
	step("SYN", 0, a1, tcp("10.0.0.11", 1000, "10.0.0.21", 22, tcpSYN), "")
	step("SYN ACK", 0, a2, tcp("10.0.0.21", 22, "10.0.0.11", 1000, tcpSYN|tcpACK), "")
	step("TCP goes on", 3599*time.Second, a2, tcp("10.0.0.21", 22, "10.0.0.11", 1000, tcpACK), "")
	step("TCP late", 3601*time.Second, a2, tcp("10.0.0.21", 22, "10.0.0.11", 1000, tcpACK), back)

	topo.eni("eni-a1").Tracking = Tracking{}
	b = newBench(t, topo, Config{})
	step("SYN", 0, a1, tcp("10.0.0.11", 1000, "10.0.0.21", 22, tcpSYN), "")
	step("SYN ACK", 0, a2, tcp("10.0.0.21", 22, "10.0.0.11", 1000, tcpSYN|tcpACK), "")
	step("the receiver has forgotten", 400*time.Second, a2, tcp("10.0.0.21", 22, "10.0.0.11", 1000, tcpACK),
		"drop ingress eni-a1: security-group-ingress")
}

// SPDX-License-Identifier: Apache-2.0

package conform

import (
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"macaw.example/lab/internal/conform/agent"
)

const sourceSecurity = "AWS Overview of Security Processes whitepaper"

// shot is a frame with its turn in the sequence.
func shot(turn int, f []byte) agent.Shot {
	return agent.Shot{At: time.Duration(50*turn) * time.Millisecond, Frame: f}
}

// datagram is a marked frame with these addresses.
func (b *bench) datagram(label string, dst, src net.HardwareAddr, from, to netip.Addr) []byte {
	return ethernet(dst, src, etherIPv4, udp(netip.AddrPortFrom(from, 4000), netip.AddrPortFrom(to, 4000), b.mark(label)))
}

// own is a valid datagram from one probe to the other.
func (b *bench) own(label string) []byte {
	m := &b.machines
	return b.datagram(label, m.b.probe.mac, m.a.probe.mac, m.a.probe.address, m.b.probe.address)
}

// passes sends frames from the first machine's probe, the full set three times, and
// returns the labels of those that reached the other's. It adds a valid datagram, which
// must arrive.
func (b *bench) passes(frames ...[]byte) []string {
	m := &b.machines
	var shots []agent.Shot
	for again := range 3 {
		for i, f := range append(frames, b.own("control")) {
			shots = append(shots, shot((len(frames)+1)*again+i, f))
		}
	}
	s := b.scene().on(m.a, m.a.probe, shots...).on(m.b, m.b.probe)
	s.play(time.Duration(50*len(shots))*time.Millisecond+time.Second, 0, nil)
	seen := b.labels(s.frames(m.b, 0))
	b.holds(slices.Contains(seen, "control"), "a datagram as it should be arrives", "it does not")
	slices.Sort(seen)
	return slices.DeleteFunc(slices.Compact(seen), func(l string) bool { return l == "control" })
}

// sourceDestCheck turns the source/destination check of an interface on or off.
func (b *bench) sourceDestCheck(eni string, on bool) {
	b.need(b.modify(&ec2.ModifyNetworkInterfaceAttributeInput{NetworkInterfaceId: &eni,
		SourceDestCheck: &types.AttributeBooleanValue{Value: aws.Bool(on)}}))
}

// unchecked runs fn with the source/destination check of both probes off.
func (b *bench) unchecked(fn func()) {
	m := &b.machines
	defer func() {
		for _, one := range []*machine{m.a, m.b} {
			b.sourceDestCheck(one.probe.eni, true)
		}
	}()
	for _, one := range []*machine{m.a, m.b} {
		b.sourceDestCheck(one.probe.eni, false)
	}
	fn()
}

var foreignMAC = net.HardwareAddr{0x02, 0x6d, 0x61, 0x63, 0x61, 0x77}

var frameChecks = []Check{
	{
		ID: "frame", Title: "A datagram arrives", Confidence: Inferred, DataPlane: true, Costs: whole, Needs: booted,
		Source: "VPC User Guide, gateway-route-tables: traffic within a subnet goes by MAC",
		Rule:   "A datagram from one interface to another of the subnet arrives with both MACs as they were sent",
		run: func(b *bench) {
			m := &b.machines
			s := b.scene().on(m.a, m.a.probe, shot(0, b.own("one")), shot(4, b.own("one")), shot(8, b.own("one"))).on(m.b,
				m.b.probe)
			s.play(2*time.Second, 0, nil)
			for _, f := range s.frames(m.b, 0) {
				if slices.Contains(b.labels([]agent.Frame{f}), "one") {
					parsed, _ := parseFrame(f.Frame)
					b.want("the destination MAC", parsed.dst.String(), m.b.probe.mac.String())
					b.want("the source MAC", parsed.src.String(), m.a.probe.mac.String())
					return
				}
			}
			b.end(&Failure{"the datagram arrives", "it does not"})
		},
	},
	{
		ID: "source-mac", Title: "A foreign source MAC is dropped", Confidence: Documented, DataPlane: true, Costs: whole,
		Needs:  []string{"frame"},
		Source: sourceSecurity + ": an instance cannot send with a source IP or MAC other than its own",
		Rule:   "A frame whose source MAC is not the interface's does not arrive",
		run: func(b *bench) {
			m := &b.machines
			b.want("foreign frames that arrive",
				len(b.passes(b.datagram("foreign", m.b.probe.mac, foreignMAC, m.a.probe.address, m.b.probe.address))), 0)
		},
	},
	{
		ID: "source-address", Title: "The source/destination check drops foreign sources", Confidence: Documented,
		DataPlane: true, Costs: whole, Needs: []string{"frame"},
		Source: "EC2 User Guide, using-eni; " + sourceSecurity,
		Rule: "A datagram from an address that the interface has not is dropped while the check is on, and arrives " +
			"while it is off",
		run: func(b *bench) {
			m := &b.machines
			foreign := b.datagram("foreign", m.b.probe.mac, m.a.probe.mac, netip.MustParseAddr(m.place.at(203)),
				m.b.probe.address)
			b.eventually("it is dropped with the check on",
				func() (string, bool) { return "it arrives", len(b.passes(foreign)) == 0 })
			b.unchecked(func() {
				took := b.eventually("it arrives with the check off",
					func() (string, bool) { return "it does not", len(b.passes(foreign)) == 1 })
				b.observe("with the check off it arrived after %.0f s", took.Seconds())
			})
		},
	},
	{
		ID: "source-mac-unchecked", Title: "A foreign source MAC is dropped without the check too", Confidence: Inferred,
		DataPlane: true, Costs: whole, Needs: []string{"source-mac", "source-address"},
		Source: "EC2 User Guide, using-eni: the check is about addresses; users' reports about bridges and virtual switches",
		Rule:   "With the source/destination check off, a frame with a foreign source MAC still does not arrive",
		run: func(b *bench) {
			m := &b.machines
			free := netip.MustParseAddr(m.place.at(203))
			b.unchecked(func() {
				b.eventually("the check is off", func() (string, bool) {
					return "it is on", len(b.passes(b.datagram("address", m.b.probe.mac, m.a.probe.mac, free, m.b.probe.address))) == 1
				})
				b.want("foreign frames that arrive", len(b.passes(
					b.datagram("mac", m.b.probe.mac, foreignMAC, m.a.probe.address, m.b.probe.address),
					b.datagram("both", m.b.probe.mac, foreignMAC, free, m.b.probe.address))), 0)
			})
		},
	},
	{
		ID: "destination-address", Title: "The source/destination check drops foreign destinations", Confidence: Documented,
		DataPlane: true, Costs: whole, Needs: []string{"source-address"},
		Source: "EC2 User Guide, using-eni; Calico documentation, AWS: addresses of its own within a subnet",
		Rule: "A datagram to an address that the receiver has not is dropped while the check is on, and arrives by MAC " +
			"while it is off",
		run: func(b *bench) {
			m := &b.machines
			foreign := b.datagram("foreign", m.b.probe.mac, m.a.probe.mac, m.a.probe.address, netip.MustParseAddr("192.0.2.9"))
			b.eventually("it is dropped with the check on",
				func() (string, bool) { return "it arrives", len(b.passes(foreign)) == 0 })
			b.unchecked(func() {
				b.eventually("it arrives with the check off",
					func() (string, bool) { return "it does not", len(b.passes(foreign)) == 1 })
			})
		},
	},
	{
		ID: "no-flooding", Title: "Nothing is flooded", Confidence: Inferred, DataPlane: true, Costs: whole,
		Needs:  []string{"frame"},
		Source: "VPC User Guide, subnet-sizing: no broadcast; " + sourceSeparation,
		Rule:   "Broadcast, multicast and frames to a MAC that no interface has reach nobody",
		run: func(b *bench) {
			m := &b.machines
			seen := b.passes(
				b.datagram("broadcast", broadcast, m.a.probe.mac, m.a.probe.address, netip.MustParseAddr(m.place.at(255))),
				b.datagram("all-ones", broadcast, m.a.probe.mac, m.a.probe.address, netip.MustParseAddr("255.255.255.255")),
				b.datagram("multicast", net.HardwareAddr{1, 0, 0x5e, 0, 0, 1}, m.a.probe.mac, m.a.probe.address,
					netip.MustParseAddr("224.0.0.1")),
				b.datagram("unknown", foreignMAC, m.a.probe.mac, m.a.probe.address, m.b.probe.address))
			b.want("frames that arrive", seen, []string{})
		},
	},
	{
		ID: "frame-vlan", Title: "VLAN tags", Confidence: Unknown, DataPlane: true, Costs: whole, Needs: []string{"frame"},
		Source: "none found",
		Rule:   "Whether a frame with a VLAN tag arrives",
		run: func(b *bench) {
			m := &b.machines
			inner := udp(netip.AddrPortFrom(m.a.probe.address, 4000), netip.AddrPortFrom(m.b.probe.address, 4000),
				b.mark("vlan"))
			tagged := ethernet(m.b.probe.mac, m.a.probe.mac, 0x8100,
				append([]byte{0, 42, etherIPv4 >> 8, etherIPv4 & 0xff}, inner...))
			b.observe("it arrives: %v", len(b.passes(tagged)) == 1)
		},
	},
	{
		ID: "mtu-inside", Title: "Jumbo frames inside the VPC", Confidence: Documented, DataPlane: true, Costs: whole,
		Needs:  []string{"frame"},
		Source: "EC2 User Guide, network_mtu",
		Rule:   "A packet of 9001 bytes passes between instances of a VPC",
		run: func(b *bench) {
			m := &b.machines
			payload := append(b.mark("jumbo"), make([]byte, 9001-28-len(b.mark("jumbo")))...)
			jumbo := ethernet(m.b.probe.mac, m.a.probe.mac, etherIPv4,
				udp(netip.AddrPortFrom(m.a.probe.address, 4000), netip.AddrPortFrom(m.b.probe.address, 4000), payload))
			b.want("packets of 9001 bytes that arrive", b.passes(jumbo), []string{"jumbo"})
		},
	},
	{
		ID: "security-group", Title: "Security groups filter and remember", Confidence: Documented, DataPlane: true,
		Costs: whole, Needs: []string{"frame"},
		Source: "VPC User Guide, security-groups; EC2 User Guide, security-group-connection-tracking",
		Rule:   "What no ingress rule allows is dropped; an answer to what went out comes in without a rule",
		run: func(b *bench) {
			m := &b.machines
			closed, one := b.group(m.place.vpc, "closed"), b.group(m.place.vpc, "one-port")
			b.need(b.allow(one, types.IpPermission{IpProtocol: aws.String("udp"), FromPort: aws.Int32(4000),
				ToPort: aws.Int32(4000), IpRanges: []types.IpRange{{CidrIp: aws.String(mainCIDR.String())}}}))
			was := aws.ToString(b.see(m.a.probe.eni).Groups[0].GroupId)
			regroup := func(n nic, group string) {
				b.need(b.modify(&ec2.ModifyNetworkInterfaceAttributeInput{NetworkInterfaceId: &n.eni, Groups: []string{group}}))
			}
			defer func() { regroup(m.a.probe, was); regroup(m.b.probe, was) }()
			regroup(m.a.probe, closed)
			regroup(m.b.probe, one)
			from := func(a, z nic, label string, sport, dport uint16) []byte {
				return ethernet(z.mac, a.mac, etherIPv4,
					udp(netip.AddrPortFrom(a.address, sport), netip.AddrPortFrom(z.address, dport), b.mark(label)))
			}
			var there, back []string
			b.eventually("only port 4000, and the answer to it", func() (string, bool) {
				s := b.scene()
				s.on(m.a, m.a.probe, shot(0, from(m.a.probe, m.b.probe, "allowed", 4444, 4000)),
					shot(1, from(m.a.probe, m.b.probe, "port", 4444, 4001)))
				s.on(m.b, m.b.probe, shot(20, from(m.b.probe, m.a.probe, "answer", 4000, 4444)),
					shot(21, from(m.b.probe, m.a.probe, "unasked", 4000, 5555)))
				s.play(3*time.Second, 0, nil)
				there, back = b.labels(s.frames(m.b, 0)), b.labels(s.frames(m.a, 0))
				return list(list("there", there)+"; back", back), slices.Equal(there, []string{"allowed"}) &&
					slices.Equal(back, []string{"answer"})
			})
		},
	},
}

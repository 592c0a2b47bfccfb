// SPDX-License-Identifier: Apache-2.0

package conform

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"macaw.example/lab/internal/conform/agent"
)

// outside is an Internet host that answers pings.
var outside = netip.MustParseAddr("8.8.8.8")

// ping sends pings of a size to the Internet from an address of the first machine's
// probe, through the router, and counts the replies.
func (b *bench) ping(from netip.Addr, size, count int) (answers int, s *scene) {
	m, router := &b.machines, b.router()
	var shots []agent.Shot
	for i := range count {
		shots = append(shots, agent.Shot{At: time.Duration(200*i) * time.Millisecond,
			Frame: ethernet(router, m.a.probe.mac, etherIPv4, echo(from, outside, 0x6d63, uint16(i), size))})
	}
	s = b.scene().on(m.a, m.a.probe, shots...)
	s.play(time.Duration(200*count)*time.Millisecond+2*time.Second, 0, nil)
	for _, f := range s.frames(m.a, 0) {
		if parsed, ok := parseFrame(f.Frame); ok {
			if id, _, ok := parsed.echoReply(); ok && id == 0x6d63 {
				answers++
			}
		}
	}
	return answers, s
}

// secondary gives the first machine's probe another address until the check ends.
func (b *bench) secondary(n int) (a netip.Addr, remove func()) {
	m := &b.machines
	a = netip.MustParseAddr(m.place.at(n))
	must(b.assign(m.a.probe.eni, true, a.String()))(b)
	return a, func() { _ = b.unassign(m.a.probe.eni, a.String()) }
}

var gatewayChecks = []Check{
	{
		ID: "internet", Title: "An address reaches the Internet by its own Elastic IP", Confidence: Inferred, DataPlane: true,
		Costs: whole, Needs: []string{"arp-router", "elastic-secondary"},
		Source: "VPC User Guide, VPC_Internet_Gateway: one-to-one translation",
		Rule: "A secondary address without an Elastic IP gets no answer from the Internet, with one it does, and when " +
			"it is taken away no more",
		run: func(b *bench) {
			a, remove := b.secondary(100)
			defer remove()
			n, _ := b.ping(a, 84, 5)
			b.want("answers without an Elastic IP", n, 0)
			e := b.elasticIPs(1)[0]
			on := must(b.associate(e.id, b.machines.a.probe.eni, a.String(), true))(b).AssociationId
			b.eventually("answers with an Elastic IP", func() (string, bool) {
				n, _ := b.ping(a, 84, 5)
				return fmt.Sprint(n), n > 0
			})
			must(b.DisassociateAddress(b.ctx, &ec2.DisassociateAddressInput{AssociationId: on}))(b)
			b.eventually("no answers after it was taken away", func() (string, bool) {
				n, _ := b.ping(a, 84, 5)
				return fmt.Sprint(n), n == 0
			})
		},
	},
	{
		ID: "mtu-internet", Title: "1500 bytes through the Internet gateway", Confidence: Documented, DataPlane: true,
		Costs: whole, Needs: []string{"internet"},
		Source: "EC2 User Guide, network_mtu",
		Rule:   "A packet of 1500 bytes passes the Internet gateway, a larger one that must not be fragmented does not",
		run: func(b *bench) {
			a, remove := b.secondary(101)
			defer remove()
			e := b.elasticIPs(1)[0]
			must(b.associate(e.id, b.machines.a.probe.eni, a.String(), true))(b)
			b.eventually("answers to pings", func() (string, bool) {
				n, _ := b.ping(a, 84, 5)
				return fmt.Sprint(n), n > 0
			})
			n, _ := b.ping(a, 1500, 5)
			b.holds(n > 0, "answers to pings of 1500 bytes", "none")
			n, s := b.ping(a, 1501, 5)
			b.want("answers to pings of 1501 bytes", n, 0)
			told := ""
			for _, f := range s.frames(b.machines.a, 0) {
				if parsed, ok := parseFrame(f.Frame); ok {
					if message, ok := parsed.icmp(); ok && message[0] == 3 && message[1] == 4 {
						told = fmt.Sprintf("from %s, MTU %d", netip.AddrFrom4([4]byte(parsed.payload[12:16])),
							int(message[6])<<8|int(message[7]))
					}
				}
			}
			if told == "" {
				told = "none"
			}
			b.observe("\"fragmentation needed\": %s", told)
		},
	},
	{
		ID: "route-interface", Title: "A route to an interface", Confidence: Documented, DataPlane: true, Costs: whole,
		Needs:  []string{"arp-router", "source-address", "route-local"},
		Source: "VPC User Guide, subnet-route-tables and route-table-options",
		Rule: "What is sent to the router and has a route to an interface arrives there if its source/destination check " +
			"is off, and is dropped if it is on",
		run: func(b *bench) {
			m, router := &b.machines, b.router()
			dest := netip.MustParseAddr("198.18.0.7")
			cidr := "198.18.0.0/24"
			must(b.CreateRoute(b.ctx, &ec2.CreateRouteInput{RouteTableId: &b.sites.main.table, DestinationCidrBlock: &cidr,
				NetworkInterfaceId: &m.b.probe.eni}))(b)
			defer func() {
				_, _ = b.DeleteRoute(b.ctx, &ec2.DeleteRouteInput{RouteTableId: &b.sites.main.table, DestinationCidrBlock: &cidr})
			}()
			routed := b.datagram("routed", router, m.a.probe.mac, m.a.probe.address, dest)
			b.eventually("it is dropped with the check on",
				func() (string, bool) { return "it arrives", len(b.passes(routed)) == 0 })
			b.unchecked(func() {
				b.eventually("it arrives with the check off",
					func() (string, bool) { return "it does not", len(b.passes(routed)) == 1 })
			})
		},
	},
	{
		ID: "router-mac", Title: "What comes through the router comes from its MAC", Confidence: Reported, DataPlane: true,
		Costs: whole, Needs: []string{"internet"},
		Source: "notes on AWS's talks about Nitro; users' captures",
		Rule:   "A packet that was routed arrives with the router's MAC as its source and the interface's as its destination",
		run: func(b *bench) {
			a, remove := b.secondary(102)
			defer remove()
			e := b.elasticIPs(1)[0]
			must(b.associate(e.id, b.machines.a.probe.eni, a.String(), true))(b)
			b.eventually("answers to pings", func() (string, bool) {
				n, s := b.ping(a, 84, 5)
				for _, f := range s.frames(b.machines.a, 0) {
					if parsed, ok := parseFrame(f.Frame); ok {
						if _, _, ok := parsed.echoReply(); ok {
							b.want("the source MAC", parsed.src.String(), b.router().String())
							b.want("the destination MAC", parsed.dst.String(), b.machines.a.probe.mac.String())
						}
					}
				}
				return fmt.Sprint(n), n > 0
			})
			b.observe("the Elastic IP is %s, the packet's destination %s", e.public, a)
		},
	},
}

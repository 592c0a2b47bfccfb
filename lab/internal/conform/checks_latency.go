// SPDX-License-Identifier: Apache-2.0

package conform

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"macaw.example/lab/internal/conform/agent"
)

// watching is how long a change is observed; tick is the interval of observations.
const (
	watching = 15 * time.Second
	tick     = 50 * time.Millisecond
)

// every sends a frame at each tick; frame makes it from the tick's number.
func every(frame func(n int) []byte) []agent.Shot {
	var shots []agent.Shot
	for n := range int(watching / tick) {
		shots = append(shots, agent.Shot{At: time.Duration(n) * tick, Frame: frame(n)})
	}
	return shots
}

// change makes a call during a scene and returns the time at which it succeeded.
func (b *bench) change(s *scene, call func() error) (answered time.Time) {
	s.play(watching, 2*time.Second, func() {
		b.need(call())
		answered = time.Now()
	})
	return answered
}

// after formats the time from a call to an observation, to a tenth of a second: the
// clocks are no more accurate. An effect may precede the call's answer.
func after(answered, seen time.Time) string {
	if seen.IsZero() {
		return fmt.Sprintf("not within %.0f s", (watching - 2*time.Second).Seconds())
	}
	took := seen.Sub(answered).Round(100 * time.Millisecond)
	if took < 0 {
		return fmt.Sprintf("%.1f s before the call had succeeded", -took.Seconds())
	}
	return fmt.Sprintf("%.1f s after the call had succeeded", took.Seconds())
}

// firstAnswer is the time of the first ARP reply that resolves an address to a MAC.
func (s *scene) firstAnswer(m *machine, about netip.Addr, mac string) time.Time {
	for _, f := range s.frames(m, 0) {
		if parsed, ok := parseFrame(f.Frame); ok {
			if a, ok := parsed.arp(); ok && a.op == arpReply && a.sender == about && a.senderMAC.String() == mac {
				return s.at(m, f)
			}
		}
	}
	return time.Time{}
}

// sequence returns the numbers in the labels with a prefix, sorted.
func sequence(labels []string, word string) []int {
	var all []int
	for _, l := range labels {
		if n, err := strconv.Atoi(strings.TrimPrefix(l, word)); err == nil && strings.HasPrefix(l, word) {
			all = append(all, n)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

var latencyChecks = []Check{
	{
		ID: "latency-assign", Title: "When an assigned address works", Confidence: Unknown, DataPlane: true, Costs: whole,
		Needs:  []string{"arp"},
		Source: "EC2 API Reference, AssignPrivateIpAddresses: remapping is asynchronous",
		Rule:   "How long after AssignPrivateIpAddresses the fabric answers ARP for the address",
		run: func(b *bench) {
			m := &b.machines
			free := netip.MustParseAddr(m.place.at(120))
			s := b.scene().on(m.a, m.a.probe,
				every(func(int) []byte { return whoHas(m.a.probe.mac, m.a.probe.address, free) })...)
			answered := b.change(s, func() error { _, err := b.assign(m.b.probe.eni, false, free.String()); return err })
			b.observe("answered %s", after(answered, s.firstAnswer(m.a, free, m.b.probe.mac.String())))
			b.need(b.unassign(m.b.probe.eni, free.String()))
		},
	},
	{
		ID: "latency-move", Title: "What a moving address looks like", Confidence: Unknown, DataPlane: true, Costs: whole,
		Needs: []string{"arp", "frame", "move"},
		Source: "conflicting reports: users' stale neighbours for minutes; an AWS re:Post article in which the fabric " +
			"announces the move",
		Rule: "How long after a move ARP names the new interface, the old one still gets packets, the new one gets " +
			"them, and whether neighbours are told",
		run: func(b *bench) {
			m := &b.machines
			moving := netip.MustParseAddr(m.place.at(121))
			must(b.assign(m.b.probe.eni, true, moving.String()))(b)
			defer func() { _ = b.unassign(m.b.management.eni, moving.String()) }()
			b.eventually("the address works where it is", func() (string, bool) {
				mac := b.answers(m.a, whoHas(m.a.probe.mac, m.a.probe.address, moving))[moving]
				return mac.String(), mac.String() == m.b.probe.mac.String()
			})
			// It moves from the probe of the second machine to the management interface
			// of the same machine.
			to := func(n nic, word string) func(int) []byte {
				return func(i int) []byte {
					return b.datagram(word+strconv.Itoa(i), n.mac, m.a.probe.mac, m.a.probe.address, moving)
				}
			}
			shots := slices.Concat(
				every(func(int) []byte { return whoHas(m.a.probe.mac, m.a.probe.address, moving) }),
				every(to(m.b.probe, "old")), every(to(m.b.management, "new")))
			s := b.scene().on(m.a, m.a.probe, shots...).on(m.b, m.b.probe).on(m.b, m.b.management)
			answered := b.change(s, func() error { _, err := b.assign(m.b.management.eni, true, moving.String()); return err })
			b.observe("ARP names the new interface %s", after(answered, s.firstAnswer(m.a, moving, m.b.management.mac.String())))
			sent := func(n int) time.Time { return s.heard[m.a].Begun.Add(lead + time.Duration(n)*tick - m.a.ahead) }
			if old := sequence(b.labels(s.frames(m.b, 0)), "old"); len(old) > 0 {
				b.observe("the last packet to the old MAC that arrived was sent %s", after(answered, sent(old[len(old)-1])))
			}
			if fresh := sequence(b.labels(s.frames(m.b, 1)), "new"); len(fresh) > 0 {
				b.observe("the first packet to the new MAC that arrived was sent %s", after(answered, sent(fresh[0])))
			}
			announced := time.Time{}
			for _, f := range s.frames(m.a, 0) {
				parsed, _ := parseFrame(f.Frame)
				a, ok := parsed.arp()
				if ok && a.sender == moving && (a.op == arpRequest || a.target == moving) && announced.IsZero() {
					announced = s.at(m.a, f)
				}
			}
			b.observe("the fabric announces the move to a neighbour: %s", after(answered, announced))
		},
	},
	{
		ID: "latency-elastic", Title: "When an Elastic IP works", Confidence: Unknown, DataPlane: true, Costs: whole,
		Needs:  []string{"internet"},
		Source: "users' reports of 5 to 6 s and more",
		Rule:   "How long after AssociateAddress the Internet answers",
		run: func(b *bench) {
			m, router := &b.machines, b.router()
			a, remove := b.secondary(122)
			defer remove()
			e := b.elasticIPs(1)[0]
			s := b.scene().on(m.a, m.a.probe, every(func(n int) []byte {
				return ethernet(router, m.a.probe.mac, etherIPv4, echo(a, outside, 0x6d64, uint16(n), 84))
			})...)
			answered := b.change(s, func() error { _, err := b.associate(e.id, m.a.probe.eni, a.String(), true); return err })
			first := time.Time{}
			for _, f := range s.frames(m.a, 0) {
				parsed, _ := parseFrame(f.Frame)
				if id, _, ok := parsed.echoReply(); ok && id == 0x6d64 && first.IsZero() {
					first = s.at(m.a, f)
				}
			}
			b.observe("answered %s", after(answered, first))
		},
	},
	{
		ID: "latency-route", Title: "When a route works", Confidence: Unknown, DataPlane: true, Costs: whole,
		Needs:  []string{"route-interface"},
		Source: "none found",
		Rule:   "How long after CreateRoute packets take it",
		run: func(b *bench) {
			m, router := &b.machines, b.router()
			cidr, dest := "198.18.1.0/24", netip.MustParseAddr("198.18.1.7")
			b.unchecked(func() {
				s := b.scene().on(m.a, m.a.probe, every(func(n int) []byte {
					return b.datagram("r"+strconv.Itoa(n), router, m.a.probe.mac, m.a.probe.address, dest)
				})...).on(m.b, m.b.probe)
				answered := b.change(s, func() error {
					_, err := b.CreateRoute(b.ctx,
						&ec2.CreateRouteInput{RouteTableId: &b.sites.main.table, DestinationCidrBlock: &cidr,
							NetworkInterfaceId: &m.b.probe.eni})
					return err
				})
				first := time.Time{}
				for _, f := range s.frames(m.b, 0) {
					if len(sequence(b.labels([]agent.Frame{f}), "r")) > 0 && first.IsZero() {
						first = s.at(m.b, f)
					}
				}
				b.observe("the first packet arrived %s", after(answered, first))
			})
			_, err := b.DeleteRoute(b.ctx, &ec2.DeleteRouteInput{RouteTableId: &b.sites.main.table, DestinationCidrBlock: &cidr})
			b.need(err)
		},
	},
}

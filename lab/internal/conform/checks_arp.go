// SPDX-License-Identifier: Apache-2.0

package conform

import (
	"net"
	"net/netip"
	"time"

	"macaw.example/lab/internal/conform/agent"
)

const sourceSeparation = "Logical Separation on AWS whitepaper, VPC and accompanying features"

// booted and whole are the Needs and Costs of all data-plane checks.
var (
	booted = []string{"machines"}
	whole  = []Cost{Instances, ElasticIPs}
)

// answers sends requests from a machine's probe and returns the ARP replies, by the
// address that they resolve.
func (b *bench) answers(m *machine, questions ...[]byte) map[netip.Addr]net.HardwareAddr {
	var shots []agent.Shot
	for i, q := range questions {
		for again := range 3 {
			shots = append(shots, agent.Shot{At: time.Duration(10*i+200*again) * time.Millisecond, Frame: q})
		}
	}
	s := b.scene().on(m, m.probe, shots...)
	s.play(2*time.Second, 0, nil)
	replies := map[netip.Addr]net.HardwareAddr{}
	for _, f := range s.frames(m, 0) {
		if parsed, ok := parseFrame(f.Frame); ok {
			if a, ok := parsed.arp(); ok && a.op == arpReply {
				replies[a.sender] = a.senderMAC
			}
		}
	}
	return replies
}

// router resolves the MAC of the subnet's router.
func (b *bench) router() net.HardwareAddr {
	m := &b.machines
	if m.gateway == nil {
		gateway := netip.MustParseAddr(m.place.at(1))
		m.gateway = b.answers(m.a, whoHas(m.a.probe.mac, m.a.probe.address, gateway))[gateway]
		b.holds(m.gateway != nil, "an answer to who-has "+gateway.String(), "none")
	}
	return m.gateway
}

var arpChecks = []Check{
	{
		ID: "machines", Title: "Instances boot and are reached", Confidence: Documented, DataPlane: true, Costs: whole,
		Source: "EC2 User Guide, connect-to-linux-instance; wiki.debian.org, Cloud/AmazonEC2Image: the user is admin",
		Rule: "Two instances with two interfaces each boot Debian, and SSH reaches them by their Elastic IPs with the " +
			"key pair", Needs: []string{"image", "elastic-primary"},
		run: func(b *bench) { b.boot() },
	},
	{
		ID: "arp", Title: "The fabric answers ARP for registered addresses", Confidence: Reported, DataPlane: true,
		Costs: whole, Needs: booted,
		Source: sourceSeparation + "; users' captures",
		Rule:   "Who-has an address of an interface in the subnet is answered with that interface's MAC",
		run: func(b *bench) {
			m := &b.machines
			replies := b.answers(m.a, whoHas(m.a.probe.mac, m.a.probe.address, m.b.probe.address),
				whoHas(m.a.probe.mac, m.a.probe.address, m.b.management.address))
			b.want("the MAC of the other's probe", replies[m.b.probe.address].String(), m.b.probe.mac.String())
			b.want("the MAC of the other's management interface", replies[m.b.management.address].String(),
				m.b.management.mac.String())
		},
	},
	{
		ID: "arp-router", Title: "The fabric answers ARP for the router", Confidence: Reported, DataPlane: true, Costs: whole,
		Needs:  booted,
		Source: "users' captures",
		Rule:   "Who-has the subnet's .1 is answered with a MAC that is no interface's",
		run: func(b *bench) {
			mac := b.router()
			b.holds(mac.String() != b.machines.b.probe.mac.String(), "a MAC of its own", "%s", mac)
			b.observe("the router's MAC is %s", mac)
		},
	},
	{
		ID: "arp-silence", Title: "No ARP answer for unregistered addresses", Confidence: Reported, DataPlane: true,
		Costs: whole, Needs: []string{"arp"},
		Source: sourceSeparation + "; users' reports of incomplete entries",
		Rule:   "Who-has an address that no interface has is not answered",
		run: func(b *bench) {
			m := &b.machines
			free := netip.MustParseAddr(m.place.at(200))
			replies := b.answers(m.a, whoHas(m.a.probe.mac, m.a.probe.address, m.b.probe.address),
				whoHas(m.a.probe.mac, m.a.probe.address, free))
			b.holds(replies[m.b.probe.address] != nil, "an answer for a registered address in the same run", "none")
			b.holds(replies[free] == nil, "no answer for "+free.String(), "%s", replies[free])
		},
	},
	{
		ID: "arp-probe", Title: "Address conflict probes are answered", Confidence: Reported, DataPlane: true, Costs: whole,
		Needs:  []string{"arp"},
		Source: "users' captures: who-has its own address, tell 0.0.0.0, is answered",
		Rule:   "A probe for an interface's own address is answered with its own MAC",
		run: func(b *bench) {
			m := b.machines.a
			replies := b.answers(m, whoHas(m.probe.mac, netip.IPv4Unspecified(), m.probe.address))
			b.want("the MAC in the answer", replies[m.probe.address].String(), m.probe.mac.String())
		},
	},
	{
		ID: "arp-services", Title: "ARP for the VPC's services", Confidence: Unknown, DataPlane: true, Costs: whole,
		Needs:  []string{"arp"},
		Source: "VPC User Guide, subnet-sizing: .2 and .3 are reserved",
		Rule:   "Whether who-has .2, .3 and 169.254.169.254 is answered",
		run: func(b *bench) {
			m := &b.machines
			targets := []string{m.place.at(2), m.place.at(3), "169.254.169.254", "169.254.169.253"}
			var questions [][]byte
			for _, t := range targets {
				questions = append(questions, whoHas(m.a.probe.mac, m.a.probe.address, netip.MustParseAddr(t)))
			}
			replies := b.answers(m.a, questions...)
			for _, t := range targets {
				if mac := replies[netip.MustParseAddr(t)]; mac != nil {
					b.observe("%s: %s", t, mac)
				} else {
					b.observe("%s: no answer", t)
				}
			}
		},
	},
	{
		ID: "arp-sender", Title: "ARP with foreign sender fields", Confidence: Unknown, DataPlane: true, Costs: whole,
		Needs:  []string{"arp"},
		Source: sourceSeparation,
		Rule:   "Whether a question is answered whose sender fields are not the interface's",
		run: func(b *bench) {
			m := &b.machines
			foreign, free := net.HardwareAddr{2, 0, 0, 0, 0, 1}, netip.MustParseAddr(m.place.at(201))
			for what, question := range map[string][]byte{
				"a foreign sender MAC": arp(broadcast, m.a.probe.mac, arpRequest, foreign, m.a.probe.address,
					make(net.HardwareAddr, 6), m.b.probe.address),
				"an unregistered sender address": arp(broadcast, m.a.probe.mac, arpRequest, m.a.probe.mac, free,
					make(net.HardwareAddr, 6), m.b.probe.address),
			} {
				b.observe("%s: answered %v", what, b.answers(m.a, question)[m.b.probe.address] != nil)
			}
		},
	},
	{
		ID: "arp-hidden", Title: "Nobody hears another's ARP", Confidence: Documented, DataPlane: true, Costs: whole,
		Needs:  []string{"frame"},
		Source: sourceSeparation + ": ARP packets trigger an authenticated look-up and never hit the network",
		Rule: "Neither a question nor a gratuitous announcement reaches other instances, and an announcement changes " +
			"nothing",
		run: func(b *bench) {
			m := &b.machines
			free := netip.MustParseAddr(m.place.at(202))
			s := b.scene()
			s.on(m.a, m.a.probe,
				shot(0, whoHas(m.a.probe.mac, m.a.probe.address, free)),
				shot(1, arp(broadcast, m.a.probe.mac, arpRequest, m.a.probe.mac, m.a.probe.address, broadcast, m.a.probe.address)),
				shot(2, arp(broadcast, m.a.probe.mac, arpReply, m.a.probe.mac, m.b.probe.address, broadcast, m.b.probe.address)),
				shot(3, b.own("control")))
			s.on(m.b, m.b.probe).play(2*time.Second, 0, nil)
			control := false
			for _, f := range s.frames(m.b, 0) {
				if parsed, ok := parseFrame(f.Frame); ok && parsed.kind == etherARP && string(parsed.src) == string(m.a.probe.mac) {
					a, _ := parsed.arp()
					b.end(&Failure{"no ARP frame of the other instance", "one about " + a.sender.String()})
				}
			}
			for _, l := range b.labels(s.frames(m.b, 0)) {
				control = control || l == "control"
			}
			b.holds(control, "a frame of the other instance in the same run", "none")
			replies := b.answers(m.a, whoHas(m.a.probe.mac, m.a.probe.address, m.b.probe.address))
			b.want("the MAC of the address that was announced", replies[m.b.probe.address].String(), m.b.probe.mac.String())
		},
	},
}

// SPDX-License-Identifier: Apache-2.0

package vpc

import (
	"testing"
)

func TestNeighbourDiscovery(t *testing.T) {
	unicast := func(target string) []byte { return solicit(macA2, macA1, v6A1, target, target, sourceOption(macA1)...) }
	advert := func(to MAC, src, dst, target string, at MAC) []byte {
		body := append([]byte{0x20, 0, 0, 0}, addr6(target).netip().AsSlice()...)
		return ethernet(to, macA1, etherIPv6,
			hops(255, icmp6(src, dst, ndNeighbourAdvert, 0, append(body, append([]byte{ndOptTarget, 1}, at[:]...)...)...)))
	}
	answer := func(at, who, to string) string {
		return "eni-a1: " + at + " > a1 " + who + " > " + to + " " + who + " is-at " + at + " length 72"
	}
	for _, tc := range []struct {
		name  string
		from  Port
		frame []byte
		want  string
	}{
		{"neighbour", a1, whoHas6(v6A1, v6A2), answer("a2", v6A2, v6A1)},
		{"neighbour, from the link-local", a1, whoHas6(llA1, v6A2), answer("a2", v6A2, llA1)},
		{"neighbour's link-local", a1, whoHas6(llA1, llA2), answer("a2", llA2, llA1)},
		{"neighbour, unicast, as when it is checked", a1, unicast(v6A2), answer("a2", v6A2, v6A1)},
		{"router", a1, whoHas6(llA1, gwA6), answer("gwA", gwA6, llA1)},
		{"unregistered", a1, whoHas6(v6A1, "2001:db8:1000:a00::99"), "drop egress eni-a1: nd-unregistered"},
		{"unregistered link-local", a1, whoHas6(v6A1, "fe80::99"), "drop egress eni-a1: nd-unregistered"},
		{"detached", a1, whoHas6(v6A1, "2001:db8:1000:a00::51"), "drop egress eni-a1: nd-unregistered"},
		{"another subnet's", a1, whoHas6(v6A1, v6B1), "drop egress eni-a1: nd-unregistered"},
		{"router at the subnet's first address", a1, whoHas6(v6A1, "2001:db8:1000:a00::1"),
			answer("gwA", "2001:db8:1000:a00::1", v6A1)},
		{"router at the address that it has everywhere", a1, whoHas6(v6A1, "fe80:ec2::1"),
			answer("gwA", "fe80:ec2::1", v6A1)},
		{"another subnet's router", a1, whoHas6(v6A1, "2001:db8:1000:a01::1"), "drop egress eni-a1: nd-unregistered"},
		{"a service", a1, whoHas6(v6A1, "fd00:ec2::254"), "drop egress eni-a1: ipv6-service"},
		{"oneself", a1, whoHas6(v6A1, v6A1), "drop egress eni-a1: nd-own"},
		{"probe for one's own address, which must not seem a duplicate", a1, probe6(macA1, v6A1),
			"drop egress eni-a1: nd-own"},
		{"probe for one's own link-local", a1, probe6(macA1, llA1), "drop egress eni-a1: nd-own"},
		{"probe for an unregistered address", a1, probe6(macA1, "2001:db8:1000:a00::99"),
			"drop egress eni-a1: nd-unregistered"},
		{"probe for another's address", a1, probe6(macA1, v6A2),
			"eni-a1: a2 > all " + v6A2 + " > ff02::1 " + v6A2 + " is-at a2 length 72"},
		{"probe that is not for the solicited node", a1, solicit(macA2, macA1, "::", v6A2, v6A2),
			"drop egress eni-a1: malformed"},
		{"from an unregistered address", a1, whoHas6("2001:db8:1000:a00::13", v6A2), "drop egress eni-a1: source-address"},
		{"from an unregistered address, SourceDestCheck off", r,
			solicit(macA2, macR, "2001:db8:5::1", v6A2, v6A2, sourceOption(macR)...),
			"eni-r: a2 > r " + v6A2 + " > 2001:db8:5::1 " + v6A2 + " is-at a2 length 72"},
		{"foreign link-layer address", a1, solicit(macA2, macA1, v6A1, v6A2, v6A2, sourceOption(macX)...),
			"drop egress eni-a1: nd-link-layer"},
		{"foreign link-layer address, SourceDestCheck off", r, solicit(macA2, macR, v6R, v6A2, v6A2, sourceOption(macX)...),
			"drop egress eni-r: nd-link-layer"},
		{"without a link-layer address", a1, solicit(macA2, macA1, v6A1, v6A2, v6A2), answer("a2", v6A2, v6A1)},
		{"option of length zero", a1, solicit(macA2, macA1, v6A1, v6A2, v6A2, 1, 0), "drop egress eni-a1: malformed"},
		{"option cut off", a1, solicit(macA2, macA1, v6A1, v6A2, v6A2, 1, 2, 0, 0), "drop egress eni-a1: malformed"},
		{"that was routed", a1, func() []byte { f := whoHas6(v6A1, v6A2); f[etherLen+7] = 254; return f }(),
			"drop egress eni-a1: malformed"},
		{"wrong checksum", a1, func() []byte { f := whoHas6(v6A1, v6A2); f[etherLen+42]++; return f }(),
			"drop egress eni-a1: malformed"},
		{"in a fragment", a1, func() []byte {
			return ethernet(macA2, macA1, etherIPv6,
				hops(255, withExtensions(whoHas6(v6A1, v6A2)[etherLen:], fragmentHeader(1, 0, false))))
		}(), "drop egress eni-a1: malformed"},
		{"in fragments", a1, func() []byte {
			return ethernet(macA2, macA1, etherIPv6,
				hops(255, withExtensions(whoHas6(v6A1, v6A2)[etherLen:], fragmentHeader(1, 0, true))))
		}(), "drop egress eni-a1: malformed"},
		{"advertisement", a1, advert(macA2, v6A1, v6A2, v6A1, macA1), "drop egress eni-a1: nd-advertisement"},
		{"unsolicited advertisement", a1, advert(multicastMAC(allNodes), v6A1, "ff02::1", v6A1, macA1),
			"drop egress eni-a1: nd-advertisement"},
		{"advertisement of a foreign MAC", a1, advert(macA2, v6A1, v6A2, v6A1, macX), "drop egress eni-a1: nd-link-layer"},
		{"router advertisement", a1, ethernet(multicastMAC(allNodes), macA1, etherIPv6,
			hops(255, icmp6(llA1, "ff02::1", ndRouterAdvert, 0,
				make([]byte, 12)...))), "drop egress eni-a1: router-advertisement"},
		{"router advertisement to one", a1, toA26(hops(255, icmp6(llA1, llA2, ndRouterAdvert, 0, make([]byte, 12)...))),
			"drop egress eni-a1: router-advertisement"},
		{"redirect", a1, toA26(hops(255, icmp6(llA1, v6A2, ndRedirect, 0, make([]byte, 36)...))),
			"drop egress eni-a1: redirect"},
		{"subnet without IPv6", a1, whoHas6(v6A1, v6A2), "drop egress eni-a1: ipv6"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			topo := fullTopology()
			if tc.name == "subnet without IPv6" {
				topo = testTopology()
			}
			newBench(t, topo, Config{}).expect(tc.name, tc.from, tc.frame, tc.want)
		})
	}
}

func TestRouterSolicitation(t *testing.T) {
	b := newBench(t, fullTopology(), Config{})
	b.expect("from the link-local", a1, routerSolicit(macA1, llA1),
		"eni-a1: gwA > a1 "+gwA6+" > "+llA1+" router advertisement length 96")
	ip := b.out.Deliveries[0].Frame[etherLen:]
	l4 := ip[40:]
	if ip[7] != 255 || l4[5] != raManaged|raOther || get16(l4[6:]) != 1800 {
		t.Errorf("hop limit %d, flags %#x, lifetime %d", ip[7], l4[5], get16(l4[6:]))
	}
	if MAC(l4[18:24]) != gwA {
		t.Errorf("source link-layer address %s", MAC(l4[18:24]))
	}
	if p := l4[24:]; p[0] != ndOptPrefix || p[2] != 64 || p[3] != 0x80 ||
		getAddr16(p[16:]) != addr6("2001:db8:1000:a00::") {
		t.Errorf("prefix % x is not the subnet's, on the link and not autonomous", p)
	}
	b.expect("before there is an address", a1,
		ethernet(multicastMAC(allNodes), macA1, etherIPv6, hops(255, icmp6("::", "ff02::2", ndRouterSolicit, 0, 0, 0, 0, 0))),
		"eni-a1: gwA > all "+gwA6+" > ff02::1 router advertisement length 96")
	b.expect("foreign MAC within", a1, func() []byte {
		f := ethernet(multicastMAC(allNodes), macA1, etherIPv6,
			hops(255, icmp6(llA1, "ff02::2", ndRouterSolicit, 0, append(make([]byte, 4), sourceOption(macX)...)...)))
		return f
	}(), "drop egress eni-a1: nd-link-layer")
}

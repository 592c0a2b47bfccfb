// SPDX-License-Identifier: Apache-2.0

package registrar

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"macaw.example/internal/model"
)

var (
	a1, a2, a3, a4 = ip("10.20.24.1"), ip("10.20.24.2"), ip("10.20.24.3"), ip("10.20.24.4")
	six            = ip("2001:db8::5")
	now            = time.Unix(1700000000, 0)
	long           = now.Add(-time.Hour)
	byValue        = cmpopts.EquateComparable(netip.Addr{})
)

func ip(s string) netip.Addr { return netip.MustParseAddr(s) }

func ips(a ...netip.Addr) []netip.Addr { return a }

func testConfig() Config {
	return Config{Cloud: "first", Node: "gw-1", Instance: "i-1", Policy: model.ElasticIPsOnDemand,
		Range: []netip.Prefix{netip.MustParsePrefix("10.20.24.0/24"),
			netip.MustParsePrefix("2001:db8::/64")}}.withDefaults()
}

// own is this node's n-th interface, which takes three addresses besides its
// primary one, and two of IPv6.
func own(n int, addrs ...netip.Addr) ENI {
	e := eniWith([]string{"", "eni-1", "eni-2"}[n], interfacePart("gw-1", n), "i-1", addrs...)
	e.Device, e.Limit, e.LimitIPv6, e.Primary = n, 4, 2, netip.AddrFrom4([4]byte{10, 20, 16, byte(10 + n)})
	return e
}

// other is the other node's interface.
func other(addrs ...netip.Addr) ENI {
	e := eniWith("eni-9", interfacePart("gw-2", 1), "i-2", addrs...)
	e.Primary, e.Device = ip("10.20.16.99"), 1
	return e
}

func eniWith(id, part, instance string, addrs ...netip.Addr) ENI {
	e := ENI{ID: id, Part: part, Instance: instance}
	for _, a := range addrs {
		*e.list(a) = append(*e.list(a), a)
	}
	return e
}

// forAddr is the tagged Elastic IP of an address; it leads to eni if that is
// not empty.
func forAddr(id string, purpose netip.Addr, eni string) ElasticIP {
	e := untagged(id, purpose, eni)
	e.Part = addressPart(purpose)
	return e
}

func untagged(id string, private netip.Addr, eni string) ElasticIP {
	e := ElasticIP{Allocation: id, Public: ip("198.51.100.9")}
	if eni != "" {
		e.Association, e.ENI, e.Private = "assoc-"+id, eni, private
	}
	return e
}

func here(a netip.Addr) Want { return Want{Addr: a, Here: true} }

func TestPlan(t *testing.T) {
	full := own(1, ip("10.20.24.11"), ip("10.20.24.12"), ip("10.20.24.13"))
	elsewhere := []Want{{Addr: a1}, {Addr: a2}, {Addr: a3}, {Addr: a4}}
	fullWants := []Want{{Addr: ip("10.20.24.11")}, {Addr: ip("10.20.24.12")}, {Addr: ip("10.20.24.13")}}
	pool := func(c *Config) { c.Policy, c.Pool = model.ElasticIPsPool, []string{"alloc-p1", "alloc-p2"} }
	for _, c := range []struct {
		name     string
		change   func(*Config)
		memory   func(*memory)
		wanted   []Want
		seen     Seen
		want     []Action
		findings []model.Code
	}{
		{name: "nothing"},
		{name: "new addresses in one call, and an Elastic IP for each",
			wanted: []Want{here(a2), here(a1)}, seen: Seen{ENIs: []ENI{own(1)}},
			want: []Action{{Verb: Assign, ENI: "eni-1", Addrs: ips(a1, a2)},
				{Verb: Allocate, ENI: "eni-1", Addrs: ips(a1)}, {Verb: Allocate, ENI: "eni-1", Addrs: ips(a2)}}},
		{name: "done", wanted: []Want{here(a1)}, seen: Seen{ENIs: []ENI{own(1, a1)},
			Elastic: []ElasticIP{forAddr("alloc-1", a1, "eni-1")}}},
		{name: "elsewhere is left alone", wanted: []Want{{Addr: a1}, {Addr: a2}},
			seen: Seen{ENIs: []ENI{own(1, a2), other(a1)}}},
		{name: "moved here, with its Elastic IP; a new one goes without reassignment",
			wanted: []Want{here(a1), here(a2)},
			seen: Seen{ENIs: []ENI{own(1), other(a1)},
				Elastic: []ElasticIP{forAddr("alloc-1", a1, "eni-9"), forAddr("alloc-2", a2, "")}},
			want: []Action{{Verb: Assign, ENI: "eni-1", Addrs: ips(a1), Move: true},
				{Verb: Assign, ENI: "eni-1", Addrs: ips(a2)},
				{Verb: Associate, ENI: "eni-1", Addrs: ips(a2), Allocation: "alloc-2", Move: true}}},
		{name: "the Elastic IP stayed behind", wanted: []Want{here(a1)},
			seen: Seen{ENIs: []ENI{own(1, a1), other()}, Elastic: []ElasticIP{forAddr("alloc-1", a1, "eni-9")}},
			want: []Action{{Verb: Associate, ENI: "eni-1", Addrs: ips(a1), Allocation: "alloc-1", Move: true}}},
		{name: "ipv6 is taken off the other interface first", wanted: []Want{here(six)},
			seen: Seen{ENIs: []ENI{own(1), other(six)}},
			want: []Action{{Verb: Unassign, ENI: "eni-9", Addrs: ips(six)},
				{Verb: Assign, ENI: "eni-1", Addrs: ips(six)}}},
		{name: "families apart", wanted: []Want{here(six), {Addr: a1, Here: true, Policy: model.ElasticIPsNone}},
			seen: Seen{ENIs: []ENI{own(1)}},
			want: []Action{{Verb: Assign, ENI: "eni-1", Addrs: ips(a1)},
				{Verb: Assign, ENI: "eni-1", Addrs: ips(six)}}},
		{name: "unused, in the grace", memory: func(m *memory) { m.unusedSince[a1] = now.Add(-59 * time.Second) },
			seen: Seen{ENIs: []ENI{own(1, a1)}}},
		{name: "unused for long",
			memory: func(m *memory) {
				m.unusedSince[a1], m.unusedSince[six] = long, long
				m.orphanedSince["alloc-1"] = long
			},
			seen: Seen{ENIs: []ENI{own(1, a1, six), other(a2)}, Elastic: []ElasticIP{forAddr("alloc-1", a1, "eni-1")}},
			want: []Action{{Verb: Unassign, ENI: "eni-1", Addrs: ips(a1)},
				{Verb: Unassign, ENI: "eni-1", Addrs: ips(six)},
				{Verb: Disassociate, Allocation: "alloc-1", Association: "assoc-alloc-1"},
				{Verb: Release, Allocation: "alloc-1"}}},
		{name: "never what is not the cloud's", seen: Seen{ENIs: []ENI{own(1, ip("10.20.16.40"))},
			Elastic: []ElasticIP{untagged("alloc-x", ip("10.20.16.40"), "eni-1")}}},
		{name: "made with the cloud stays", change: func(c *Config) { c.Policy = model.ElasticIPsAll },
			memory: func(m *memory) { m.unusedSince[a1] = long },
			wanted: []Want{here(a2)}, seen: Seen{ENIs: []ENI{own(1, a1, a2)},
				Elastic: []ElasticIP{forAddr("alloc-1", a1, "")}}, findings: []model.Code{NoElasticIP}},
		{name: "capacity in the order of devices",
			wanted: append(fullWants, Want{Addr: a1, Here: true, Policy: model.ElasticIPsNone}),
			seen:   Seen{ENIs: []ENI{full, own(2)}},
			want:   []Action{{Verb: Assign, ENI: "eni-2", Addrs: ips(a1)}}},
		{name: "a prefix takes capacity", wanted: []Want{{Addr: a1, Here: true, Policy: model.ElasticIPsNone},
			{Addr: a2, Here: true, Policy: model.ElasticIPsNone}},
			seen: Seen{ENIs: []ENI{func() ENI { e := own(1); e.Prefixes = 2; return e }(), own(2)}},
			want: []Action{{Verb: Assign, ENI: "eni-1", Addrs: ips(a1)}, {Verb: Assign, ENI: "eni-2", Addrs: ips(a2)}}},
		{name: "all full", wanted: append(fullWants, here(a1)), seen: Seen{ENIs: []ENI{full}},
			want: []Action{{Verb: NeedENI}}, findings: []model.Code{ENIFull}},
		{name: "all full, and one that was never attached", wanted: append(fullWants, here(a1)),
			seen: Seen{ENIs: []ENI{full, func() ENI { e := own(2); e.Instance = ""; return e }()}},
			want: []Action{{Verb: NeedENI, ENI: "eni-2"}}, findings: []model.Code{ENIFull}},
		{name: "full, but capacity comes soon", memory: func(m *memory) { m.unusedSince[ip("10.20.24.11")] = now },
			wanted: append(fullWants[1:], here(a1)), seen: Seen{ENIs: []ENI{full}}, findings: []model.Code{ENIFull}},
		{name: "unassigning gives capacity", memory: func(m *memory) { m.unusedSince[ip("10.20.24.11")] = long },
			wanted: append(fullWants[1:], Want{Addr: a1, Here: true, Policy: model.ElasticIPsNone}),
			seen:   Seen{ENIs: []ENI{full}},
			want: []Action{{Verb: Unassign, ENI: "eni-1", Addrs: ips(ip("10.20.24.11"))},
				{Verb: Assign, ENI: "eni-1", Addrs: ips(a1)}}},
		{name: "room for what is on other nodes", wanted: elsewhere,
			seen: Seen{ENIs: []ENI{own(1), other(a1, a2, a3, a4)}, Interfaces: 3}, want: []Action{{Verb: NeedENI}}},
		{name: "room enough", wanted: elsewhere[1:],
			seen: Seen{ENIs: []ENI{own(1), other(a2, a3, a4)}, Interfaces: 3}},
		{name: "no room, and the instance takes no more", wanted: elsewhere,
			seen: Seen{ENIs: []ENI{own(1), other(a1, a2, a3, a4)}, Interfaces: 2}},
		{name: "no room, and AWS has refused more", wanted: elsewhere,
			memory: func(m *memory) { m.eniRefused.at = now.Add(-time.Minute) },
			seen:   Seen{ENIs: []ENI{own(1), other(a1, a2, a3, a4)}, Interfaces: 3}},
		{name: "out of range", wanted: []Want{here(ip("10.20.16.77"))}, seen: Seen{ENIs: []ENI{own(1)}},
			findings: []model.Code{OutOfRange}},
		{name: "an interface that is not the cloud's has it",
			memory:   func(m *memory) { m.refused[a1] = refusal{at: long} },
			wanted:   []Want{here(a1)},
			seen:     Seen{ENIs: []ENI{own(1)}, Holders: map[netip.Addr]Holder{a1: {"eni-x", "i-x"}}},
			findings: []model.Code{AddressInUse}},
		{name: "refused a while ago: alone", memory: func(m *memory) { m.refused[a1] = refusal{at: long} },
			wanted: []Want{{Addr: a1, Here: true, Policy: model.ElasticIPsNone},
				{Addr: a2, Here: true, Policy: model.ElasticIPsNone},
				{Addr: a3, Here: true, Policy: model.ElasticIPsNone}}, seen: Seen{ENIs: []ENI{own(1)}},
			want: []Action{{Verb: Assign, ENI: "eni-1", Addrs: ips(a1)},
				{Verb: Assign, ENI: "eni-1", Addrs: ips(a2, a3)}}},
		{name: "refused just now", memory: func(m *memory) { m.refused[a1] = refusal{now, Refused, "no"} },
			wanted: []Want{here(a1)},
			seen:   Seen{ENIs: []ENI{own(1)}}, findings: []model.Code{Refused}},
		{name: "quota", memory: func(m *memory) { m.quotaReached = now }, wanted: []Want{here(a1)},
			seen: Seen{ENIs: []ENI{own(1, a1)}}, findings: []model.Code{ElasticIPQuota}},
		{name: "no gateway", memory: func(m *memory) { m.gatewayMissing = now }, wanted: []Want{here(a1)},
			seen: Seen{ENIs: []ENI{own(1, a1)}}, findings: []model.Code{NoGateway}},
		{name: "an allocation without an answer", memory: func(m *memory) { m.ambiguous[a1] = now },
			wanted: []Want{here(a1)}, seen: Seen{ENIs: []ENI{own(1, a1)}}},
		{name: "duplicates: the one that is associated stays",
			memory: func(m *memory) { m.orphanedSince["alloc-1"] = long },
			wanted: []Want{here(a1)},
			seen: Seen{ENIs: []ENI{own(1, a1)}, Elastic: []ElasticIP{forAddr("alloc-1", a1, ""),
				forAddr("alloc-2", a1, "eni-1")}},
			want: []Action{{Verb: Release, Allocation: "alloc-1"}}},
		{name: "policy none of one", wanted: []Want{{Addr: a1, Here: true, Policy: model.ElasticIPsNone}},
			seen: Seen{ENIs: []ENI{own(1, a1)}, Elastic: []ElasticIP{forAddr("alloc-1", a1, "eni-1")}},
			want: []Action{{Verb: Disassociate, Allocation: "alloc-1", Association: "assoc-alloc-1"}}},
		{name: "the operator's own Elastic IP stays", wanted: []Want{here(a1)},
			seen: Seen{ENIs: []ENI{func() ENI {
				e := own(1, a1)
				e.Public = map[netip.Addr]Public{a1: {ip("198.51.100.7"), "alloc-x"}}
				return e
			}()}}},
		{name: "pool: first free ones, not taken from others", change: pool, wanted: []Want{here(a1), here(a2)},
			seen: Seen{ENIs: []ENI{own(1, a1, a2)},
				Elastic: []ElasticIP{untagged("alloc-p1", a4, "eni-x"), untagged("alloc-p2", a1, "")}},
			want:     []Action{{Verb: Associate, ENI: "eni-1", Addrs: ips(a1), Allocation: "alloc-p2"}},
			findings: []model.Code{PoolEmpty}},
		{name: "pool: stays", change: pool, wanted: []Want{here(a1)},
			seen: Seen{ENIs: []ENI{own(1, a1)}, Elastic: []ElasticIP{untagged("alloc-p2", a1, "eni-1"),
				untagged("alloc-p1", a1, "")}}},
		{name: "pool: the same address in another VPC", change: pool, wanted: []Want{here(a1)},
			seen: Seen{ENIs: []ENI{own(1, a1)}, Elastic: []ElasticIP{untagged("alloc-p1", a1, "eni-x"),
				untagged("alloc-p2", a1, "")}},
			want: []Action{{Verb: Associate, ENI: "eni-1", Addrs: ips(a1), Allocation: "alloc-p2"}}},
		{name: "pool: an own one of a former policy goes first", change: pool, wanted: []Want{here(a1)},
			seen: Seen{ENIs: []ENI{own(1, a1)}, Elastic: []ElasticIP{forAddr("alloc-1", a1, "eni-1"),
				untagged("alloc-p1", a1, "")}},
			want: []Action{{Verb: Disassociate, Allocation: "alloc-1", Association: "assoc-alloc-1"},
				{Verb: Associate, ENI: "eni-1", Addrs: ips(a1), Allocation: "alloc-p1"}}},
		{name: "a primary address of another", wanted: []Want{here(a3)},
			seen:     Seen{ENIs: []ENI{own(1), func() ENI { e := other(); e.Primary = a3; return e }()}},
			findings: []model.Code{AddressInUse}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg, m, wanted := testConfig(), newMemory(), map[netip.Addr]Want{}
			if c.change != nil {
				c.change(&cfg)
			}
			if c.memory != nil {
				c.memory(m)
			}
			for _, w := range c.wanted {
				wanted[w.Addr] = w
			}
			c.seen.sort()
			got, findings := plan(cfg, wanted, c.seen, now, m)
			if d := cmp.Diff(c.want, got, byValue, cmpopts.EquateEmpty()); d != "" {
				t.Errorf("actions (-want +got):\n%s", d)
			}
			var codes []model.Code
			for _, f := range findings {
				codes = append(codes, f.Code)
				if f.Text == "" {
					t.Errorf("finding %v says nothing", f)
				}
			}
			if d := cmp.Diff(c.findings, codes); d != "" {
				t.Errorf("findings (-want +got):\n%s\n%v", d, findings)
			}
		})
	}
}

func TestExpectations(t *testing.T) {
	m := newMemory()
	m.expect(now, addressAssigned{a1, "eni-1", false}, elasticIPAllocated{forAddr("alloc-2", a2, "")},
		elasticIPAssociated{"alloc-2", "assoc", "eni-1", a2}, addressUnassigned{a3, "eni-1"})
	old := Seen{ENIs: []ENI{own(1, a2, a3), other(a1)}, Elastic: []ElasticIP{forAddr("alloc-1", a1, "eni-9")}}
	want := Seen{ENIs: []ENI{own(1, a2, a1), other()},
		Elastic: []ElasticIP{forAddr("alloc-1", a1, "eni-9"), forAddr("alloc-2", a2, "eni-1")}}
	want.Elastic[0].ENI, want.Elastic[1].Association = "eni-1", "assoc"
	got, pending := m.overlay(old, now)
	if d := cmp.Diff(want, got, byValue, cmpopts.EquateEmpty()); d != "" || pending != 4 {
		t.Errorf("%d pending; seen and expected (-want +got):\n%s", pending, d)
	}
	if len(old.ENIs[1].Addresses) != 1 {
		t.Error("what was seen was changed")
	}
	// Once observed, the effects outweigh an older answer for a while, and then they do not.
	if _, pending = m.overlay(want, now.Add(time.Second)); pending != 0 {
		t.Errorf("%d pending when all is observed", pending)
	}
	got, pending = m.overlay(old, now.Add(2*time.Second))
	if d := cmp.Diff(want, got, byValue, cmpopts.EquateEmpty()); d != "" || pending != 0 {
		t.Errorf("an older answer: %d pending (-want +got):\n%s", pending, d)
	}
	if got, _ = m.overlay(old, now.Add(12*time.Second)); !cmp.Equal(old, got, byValue, cmpopts.EquateEmpty()) {
		t.Error("still expected")
	}
	// Nothing is expected of what another node changes.
	m.expect(now, addressAssigned{a1, "eni-1", false})
	m.dropOthers(map[netip.Addr]Want{a1: {Addr: a1}})
	if got, _ = m.overlay(old, now); !cmp.Equal(old, got, byValue, cmpopts.EquateEmpty()) {
		t.Error("expected of an address that is another node's")
	}
}

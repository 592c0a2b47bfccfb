// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"macaw.example/internal/neutron"
	"macaw.example/internal/ovn"
)

// fakeSouthbound says what it is told to.
type fakeSouthbound struct {
	says chan ovn.Southbound
	lose chan struct{}
}

func newFakeSouthbound() *fakeSouthbound {
	return &fakeSouthbound{make(chan ovn.Southbound), make(chan struct{})}
}

func (f *fakeSouthbound) watch(ctx context.Context, changed func(ovn.Southbound)) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-f.lose:
			return errors.New("the connection was lost")
		case s := <-f.says:
			changed(s)
		}
	}
}

func (f *fakeSouthbound) bind(port, node string) { f.move(port, node, "") }

// move says where a gateway is, and where it is about to go.
func (f *fakeSouthbound) move(port, node, next string) {
	f.says <- ovn.Southbound{Gateways: []ovn.Gateway{{Port: port, Active: node, Next: next}}}
}

// twoGateways gives the agent another gateway, and OVN's word.
func (b *env) twoGateways() *fakeSouthbound {
	b.agent.cfg.Gateways = []string{"gw-2", "gw-1"}
	b.agent.worker.cfg, b.agent.word = b.agent.cfg, newLastWord(b.agent.cfg)
	f := newFakeSouthbound()
	b.agent.watchOVN, b.agent.bindings = f.watch, newMailbox[placement]()
	b.agent.health = &health{provider: newProviderWatch(b.agent.cfg, b.machine), word: b.agent.word,
		ovn: newControllerWatch(func(context.Context) error { return nil })}
	b.agent.watchOVS = func(ctx context.Context, changed func([]string)) error {
		changed([]string{"gw-2"})
		<-ctx.Done()
		return ctx.Err()
	}
	return f
}

// routerR1 is a router with gateway port p1, and a floating IP of it.
func routerR1() (gateway, floating neutron.Address) {
	gateway, floating = router(addr10, mac1), router(addr11, mac1)
	gateway.ID, gateway.Router = "p1", "r1"
	floating.Kind, floating.ID, floating.Router = neutron.KindFloating, "f1", "r1"
	return gateway, floating
}

// When a gateway fails, OVN says a second before Neutron who has its routers now.
func TestOVNIsFasterThanNeutron(t *testing.T) {
	inBubble(t, func(b *env) {
		south := b.twoGateways()
		gateway, floating := routerR1()
		b.neutron.set(nil, bound(gateway, "gw-2"), bound(floating, "gw-2"))
		b.start()
		pass(time.Second)
		b.want("the other gateway has the router")

		south.bind("p1", "gw-1")
		pass(10 * time.Millisecond)
		b.want("OVN has moved it here", entry(addr10, mac1), entry(addr11, mac1))
		before := b.aws.count()
		pass(verifyFor)
		if n := b.aws.count() - before; n < 8 {
			t.Errorf("%d looks at AWS in the %s after a router has moved", n, verifyFor)
		}
		pass(2 * time.Second)
		before = b.aws.count()
		pass(30 * time.Second)
		if n := b.aws.count() - before; n > 1 {
			t.Errorf("%d looks at AWS in 30 s, long after", n)
		}
		pass(5 * time.Minute)
		b.want("Neutron never says so", entry(addr10, mac1), entry(addr11, mac1))
		south.bind("p1", "gw-2")
		pass(10 * time.Millisecond)
		b.want("OVN has moved it back")
	})
}

// A router is about to move: AWS has its addresses on the new node before, and the old one translates until it moves.
func TestAddressesMoveFirst(t *testing.T) {
	inBubble(t, func(b *env) {
		south := b.twoGateways()
		gateway, floating := routerR1()
		b.neutron.set(nil, bound(gateway, "gw-2"), bound(floating, "gw-2"))
		b.start()
		pass(time.Second)
		ready := func() bool {
			res := httptest.NewRecorder()
			ctx, cancel := context.WithTimeout(b.t.Context(), time.Millisecond)
			defer cancel()
			b.agent.health.ServeHTTP(res, httptest.NewRequestWithContext(ctx, http.MethodGet, "/ready?gateway=p1", nil))
			return res.Code == http.StatusNoContent
		}
		if b.aws.here() > 0 || ready() {
			t.Errorf("before: %d addresses to be registered here, ready: %t", b.aws.here(), ready())
		}

		b.aws.fail(errors.New("RequestLimitExceeded"))
		south.move("p1", "gw-2", "gw-1")
		pass(10 * time.Millisecond)
		if ready() {
			t.Error("ready although AWS has refused")
		}
		b.aws.fail(nil)
		pass(2 * time.Second)
		if b.aws.here() != 2 || !ready() {
			t.Errorf("about to come: %d addresses to be registered here, ready: %t", b.aws.here(), ready())
		}
		b.want("about to come: what it will need is there", entry(addr10, mac1), entry(addr11, mac1))
		south.bind("p1", "gw-1")
		pass(10 * time.Millisecond)
		b.want("OVN has moved it here", entry(addr10, mac1), entry(addr11, mac1))

		b.aws.fail(errors.New("RequestLimitExceeded")) // the other node's agent has not moved them yet
		south.move("p1", "gw-1", "gw-2")
		pass(10 * time.Millisecond)
		if b.aws.here() > 0 || ready() {
			t.Errorf("about to go: %d addresses to be registered here, ready: %t", b.aws.here(), ready())
		}
		b.want("OVN has it here still", entry(addr10, mac1), entry(addr11, mac1))
		south.bind("p1", "gw-2")
		pass(10 * time.Millisecond)
		b.want("OVN has moved it away")
	})
}

// What AWS has acknowledged counts at once, though Describes that show it take their time.
func TestAcknowledgedCounts(t *testing.T) {
	inBubble(t, func(b *env) {
		south := b.twoGateways()
		b.aws.registered = b.agent.worker.registered.put
		gateway, _ := routerR1()
		b.neutron.set(nil, bound(gateway, "gw-2"))
		b.start()
		pass(time.Second)
		b.aws.slow(time.Minute)
		south.bind("p1", "gw-1")
		pass(10 * time.Millisecond)
		b.want("OVN has moved it here, and AWS has acknowledged its address", entry(addr10, mac1))
		south.bind("p1", "gw-2")
		pass(10 * time.Millisecond)
		b.want("OVN has moved it back")
	})
}

// Without Neutron's API a router fails over all the same.
func TestFailoverWithoutNeutron(t *testing.T) {
	inBubble(t, func(b *env) {
		south := b.twoGateways()
		gateway, _ := routerR1()
		b.neutron.set(nil, bound(gateway, "gw-2"))
		b.start()
		pass(time.Second)
		b.neutron.set(errors.New("503"))
		pass(time.Minute)
		south.bind("p1", "gw-1")
		pass(10 * time.Millisecond)
		b.want("moved here", entry(addr10, mac1))
	})
}

// What OVN said before the connection was lost is not believed for ever.
func TestOVNLost(t *testing.T) {
	inBubble(t, func(b *env) {
		south := b.twoGateways()
		gateway, _ := routerR1()
		b.neutron.set(nil, bound(gateway, "gw-1"))
		b.start()
		pass(time.Second)
		south.bind("p1", "gw-1")
		pass(time.Second)
		b.want("here", entry(addr10, mac1))
		south.lose <- struct{}{}
		b.neutron.set(nil, bound(gateway, "gw-2"))
		pass(31 * time.Second)
		b.want("Neutron says that it has moved")
	})
}

// The connection to OVN is lost right after a router has moved. Neutron's last answer is from before: it does not bring
// the router back, and the next one counts.
func TestOVNLostRightAfterAMove(t *testing.T) {
	inBubble(t, func(b *env) {
		south := b.twoGateways()
		gateway, _ := routerR1()
		b.neutron.set(nil, bound(gateway, "gw-1"))
		b.start()
		south.bind("p1", "gw-1")
		pass(time.Second)
		b.want("here", entry(addr10, mac1))
		b.neutron.set(errors.New("503"))
		south.bind("p1", "gw-2")
		pass(10 * time.Millisecond)
		b.want("moved away")
		south.lose <- struct{}{}
		pass(time.Minute)
		b.want("and OVN is lost")
		if b.agent.word.still(addr10) {
			t.Error("the registrar would take the router's address back")
		}
		b.neutron.set(nil, bound(gateway, "gw-1"))
		pass(31 * time.Second)
		b.want("Neutron says that it is back", entry(addr10, mac1))
		if !b.agent.word.still(addr10) {
			t.Error("the registrar would not take the router's address back")
		}
	})
}

// A router that Neutron has not named yet.
func TestOVNNamesAnUnknownRouter(t *testing.T) {
	inBubble(t, func(b *env) {
		south := b.twoGateways()
		b.start()
		pass(time.Second)
		gateway, _ := routerR1()
		b.neutron.set(nil, bound(gateway, ""))
		south.bind("p1", "gw-1")
		pass(100 * time.Millisecond)
		b.want("asked at once", entry(addr10, mac1))
	})
}

func TestPlace(t *testing.T) {
	gateway, floating := router(addr10, mac1), router(addr11, mac1)
	distributed, guest := router(addr12, mac2), router(foreign, mac2)
	gateway.ID, gateway.Router, gateway.Host = "p1", "r1", "gw-1"
	floating.Kind, floating.Router, floating.Host = neutron.KindFloating, "r1", "gw-1"
	distributed.Kind, distributed.Router, distributed.Host = neutron.KindFloating, "r1", "cmp-1"
	guest.Kind, guest.Host = neutron.KindPort, "cmp-2"
	all := []neutron.Address{gateway, floating, distributed, guest}
	for _, tt := range []struct {
		name string
		b    bindings
		want [4]string
	}{
		{"OVN says nothing", nil, [4]string{"gw-1", "gw-1", "cmp-1", "cmp-2"}},
		{"OVN has it on no node", bindings{"p2": "gw-2"}, [4]string{"gw-1", "gw-1", "cmp-1", "cmp-2"}},
		{"OVN has moved it", bindings{"p1": "gw-2"}, [4]string{"gw-2", "gw-2", "cmp-1", "cmp-2"}},
	} {
		for i, a := range tt.b.place(all) {
			if a.Host != tt.want[i] {
				t.Errorf("%s: %s is on %q, want %q", tt.name, a.Addr, a.Host, tt.want[i])
			}
		}
	}
}

// While a router moves, OVN has it nowhere for a moment.
func TestBindingsOf(t *testing.T) {
	says := func(node string) ovn.Southbound {
		return ovn.Southbound{Gateways: []ovn.Gateway{{Port: "p1", Active: node}}}
	}
	var last bindings
	for _, step := range []struct{ says, want string }{{"", ""}, {"gw-1", "gw-1"}, {"", "gw-1"}, {"gw-2", "gw-2"}} {
		if last = bindingsOf(says(step.says), last); last["p1"] != step.want {
			t.Errorf("OVN says %q: on %q, want %q", step.says, last["p1"], step.want)
		}
	}
	if gone := bindingsOf(ovn.Southbound{}, last); len(gone) > 0 {
		t.Errorf("a router that has gone: %v", gone)
	}
}

// What the registrar asks in the middle of a pass.
func TestLastWord(t *testing.T) {
	w := newLastWord(Config{Node: "gw-1", Gateways: []string{"gw-1", "gw-2"}})
	gateway, floating := routerR1()
	guest := router(addr12, mac2)
	guest.Kind = neutron.KindPort
	if !w.still(addr10) {
		t.Error("nothing is known, and an address is not here")
	}
	says := func(host string) []neutron.Address {
		return []neutron.Address{bound(gateway, host), bound(floating, host), bound(guest, "gw-1")}
	}
	for _, step := range []struct {
		what  string
		do    func()
		there bool
	}{
		{what: "Neutron says here", do: func() { w.answered(says("gw-1"), true) }},
		{what: "OVN says here", do: func() { w.hear(bindings{"p1": "gw-1"}) }},
		{what: "OVN says there", do: func() { w.hear(bindings{"p1": "gw-2"}) }, there: true},
		{what: "OVN is lost", do: func() { w.lose() }, there: true},
		{what: "Neutron, asked before, says here", do: func() { w.answered(says("gw-1"), false) }, there: true},
		{what: "Neutron, asked since, says here", do: func() { w.answered(says("gw-1"), true) }},
		{what: "Neutron says there", do: func() { w.answered(says("gw-2"), true) }, there: true},
		{what: "OVN has it on no node", do: func() { w.hear(bindings{}) }, there: true},
		{what: "OVN says here again", do: func() { w.hear(bindings{"p1": "gw-1"}) }},
	} {
		step.do()
		if got := [3]bool{w.still(addr10), w.still(addr11), w.still(addr12)}; got != [3]bool{!step.there, !step.there, true} {
			t.Errorf("%s: here %v", step.what, got)
		}
	}
}

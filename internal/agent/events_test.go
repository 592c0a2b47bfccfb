// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"macaw.example/internal/translate"
	"macaw.example/lab"
)

// happening is something that happens in a world, some time after the one before it.
type happening struct {
	after time.Duration
	what  string
	do    func(*weather)
}

func (h happening) String() string { return fmt.Sprintf("%v later: %s", h.after, h.what) }

// weather is a world in which things happen.
type weather struct {
	*world
	faults map[string]timedFault
	taken  []string      // Elastic IPs that somebody else has
	timers []*time.Timer // of what is to happen later
}

type timedFault struct {
	lab.Fault
	until time.Time
}

// between is a random duration.
func between(r *rand.Rand, least, most time.Duration) time.Duration {
	return (least + time.Duration(r.Int64N(int64(most-least)+1))).Round(time.Millisecond)
}

const ms = time.Millisecond

// floatingIPs is how many floating IPs a sequence may have.
const floatingIPs = 6

// draw draws what happens next. Routers and nodes are numbers, since minimising leaves happenings out.
func draw(r *rand.Rand, nodes, routers int) happening {
	after := between(r, 0, 300*ms)
	switch r.IntN(4) {
	case 0:
		after = between(r, 0, 5*time.Second)
	case 1:
		after = between(r, 0, 40*time.Second)
	}
	what, do := drawOne(r, r.IntN(nodes), r.IntN(routers))
	return happening{after, what, do}
}

func drawOne(r *rand.Rand, node, router int) (what string, do func(*weather)) {
	at := func(f func(*gatewayNode)) func(*weather) { return func(w *weather) { f(w.nodes[node]) } }
	name, d := fmt.Sprintf("gw-%d", node+1), between(r, 500*ms, 45*time.Second)
	number := r.IntN(floatingIPs)
	switch n := r.IntN(100); {
	case n < 6:
		herald, withdrawn := between(r, 20*ms, 6*time.Second), r.IntN(4) == 0
		return fmt.Sprintf("router %d is handed over to %s, heralded %v before (withdrawn: %t)", router, name, herald,
			withdrawn), func(w *weather) { w.handOver(router, name, herald, withdrawn) }
	case n < 18:
		none := time.Duration(0)
		if r.IntN(2) == 0 {
			none = between(r, ms, 800*ms)
		}
		return fmt.Sprintf("router %d moves to %s, being nowhere for %v", router, name, none),
			func(w *weather) { w.moves(router, name, none) }
	case n < 26:
		return fmt.Sprintf("router %d moves to %s, and its old node does not hear it for %v", router, name, d),
			func(w *weather) { w.split(router, name, d) }
	case n < 31:
		return fmt.Sprintf("%s hears nothing new of OVN for %v", name, d),
			at(func(n *gatewayNode) { n.change(func() { n.ovnStale = time.Now().Add(d) }) })
	case n < 36:
		return fmt.Sprintf("%s has no connection to OVN for %v", name, d), at(func(n *gatewayNode) { n.loseOVN(d) })
	case n < 41:
		hangs := r.IntN(2) == 0
		return fmt.Sprintf("%s has no Neutron for %v (it hangs: %t)", name, d, hangs), at(func(n *gatewayNode) {
			n.change(func() { n.noWord, n.hangs = time.Now().Add(d), hangs })
		})
	case n < 45:
		slow := between(r, 0, 8*time.Second)
		return fmt.Sprintf("Neutron takes %v to answer %s", slow, name),
			at(func(n *gatewayNode) { n.change(func() { n.slow = slow }) })
	case n < 49:
		lag := between(r, 0, 40*time.Second)
		return fmt.Sprintf("Neutron is %v behind OVN", lag), func(w *weather) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.neutronLag = lag
		}
	case n < 55:
		calls, late, again := r.IntN(6), r.IntN(2) == 0, between(r, 100*ms, 20*time.Second)
		return fmt.Sprintf("%s's agent is killed after %d calls (after the effect: %t), and back after %v", name, calls,
			late, again), func(w *weather) { w.kill(w.nodes[node], calls, late, again) }
	case n < 58:
		return fmt.Sprintf("%s loses power for %v, and its routers move", name, d), func(w *weather) { w.powerOff(node, d) }
	case n < 64:
		return fmt.Sprintf("%s's agent is stopped for %v", name, d), at(func(n *gatewayNode) { n.stopFor(d) })
	case n < 68:
		return fmt.Sprintf("%s has no AWS for %v", name, d),
			at(func(n *gatewayNode) { n.change(func() { n.noAPI = time.Now().Add(d) }) })
	case n < 72:
		lose := 1 + r.IntN(2)
		return fmt.Sprintf("the next %d answers to writes of %s are lost", lose, name),
			at(func(n *gatewayNode) { n.change(func() { n.lose = lose }) })
	case n < 84:
		f := drawFault(r)
		return fmt.Sprintf("AWS: %s, for %v", f.Name+" "+f.Describe(), d), func(w *weather) { w.fault(f, d) }
	case n < 87:
		return fmt.Sprintf("the quota of Elastic IPs is used up for %v", d), func(w *weather) { w.useUp(d) }
	case n < 94:
		idle, announced := r.IntN(3) == 0, between(r, 50*ms, 3*time.Second)
		return fmt.Sprintf("floating IP %d: made or associated with router %d (idle: %t)", number, router, idle),
			func(w *weather) {
				if idle {
					w.float(number, nil)
				} else {
					w.associate(number, w.routers[router], announced)
				}
			}
	case n < 97:
		return fmt.Sprintf("floating IP %d: deleted", number), func(w *weather) { w.unfloat(floatingAddr(number)) }
	default:
		again := between(r, ms, 100*time.Second)
		return fmt.Sprintf("floating IP %d: deleted, and made again after %v", number, again), func(w *weather) {
			w.unfloat(floatingAddr(number))
			w.later(again, func() { w.associate(number, w.routers[router], 100*ms) })
		}
	}
}

func drawFault(r *rand.Rand) lab.Fault {
	of := func(name string, min, max time.Duration) lab.Fault {
		return lab.Fault{Name: name, Action: "*", Min: lab.FaultDuration(min), Max: lab.FaultDuration(max)}
	}
	switch r.IntN(5) {
	case 0:
		return of(lab.Lag, time.Second, 5*time.Second)
	case 1:
		return of(lab.Latency, 1200*ms, 1200*ms)
	case 2:
		action := []string{"*", "Assign*", "A*", "Describe*"}[r.IntN(4)]
		return lab.Fault{Name: lab.Error, Action: action, Code: "RequestLimitExceeded", When: lab.Before, Rate: 0.8}
	case 3:
		return lab.Fault{Name: lab.Error, Action: "*", Code: "InternalError", When: lab.Either, Rate: 0.3}
	}
	f := of(lab.Timeout, time.Second, 12*time.Second)
	f.Action, f.When, f.Rate = "A*", lab.Either, 0.4
	return f
}

// later calls f after a time, unless the sequence ends before.
func (w *weather) later(d time.Duration, f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timers = append(w.timers, time.AfterFunc(d, f))
}

func (w *weather) moves(router int, to string, none time.Duration) {
	r := w.routers[router]
	if none > 0 {
		w.bind(r, "")
	}
	w.later(none, func() { w.bind(r, to) })
	w.later(none+500*ms, func() { w.announce(r.addr, r) })
}

// handOver moves a router as the controller does: the node that it goes to gets the addresses first. What has been
// heralded is withdrawn when the router has moved, or before it does.
func (w *weather) handOver(router int, to string, herald time.Duration, withdrawn bool) {
	r := w.routers[router]
	w.herald(r, to)
	w.later(herald, func() {
		if !withdrawn {
			w.moves(router, to, 50*ms)
		}
		w.later(200*ms, func() { w.herald(r, "") })
	})
}

// announce has a router announce one of its addresses where it is, as OVN does.
func (w *weather) announce(a netip.Addr, r *worldRouter) {
	w.mu.Lock()
	on := r.active
	w.mu.Unlock()
	if on == "" {
		return
	}
	select {
	case w.world.node(on).machine.frames <- translate.Event{Reason: translate.OutUnregisteredARP, Addr: a, MAC: r.mac}:
	default: // its agent reads none
	}
}

// associate makes a floating IP, or gives it to a router, which announces it.
func (w *weather) associate(n int, r *worldRouter, announced time.Duration) {
	w.float(n, r)
	w.later(announced, func() { w.announce(floatingAddr(n), r) })
}

func (w *weather) split(router int, to string, d time.Duration) {
	w.mu.Lock()
	from := w.routers[router].active
	w.mu.Unlock()
	if from != "" {
		n := w.world.node(from)
		n.change(func() { n.ovnStale = time.Now().Add(d) })
	}
	w.bind(w.routers[router], to)
}

func (w *weather) kill(n *gatewayNode, calls int, late bool, again time.Duration) {
	n.killAt(calls, late)
	w.later(again, func() { w.restart(n) })
}

func (w *weather) restart(n *gatewayNode) {
	n.starting <- struct{}{}
	defer func() { <-n.starting }()
	n.kill()
	<-n.process.ended
	w.note("%s's agent starts", n.name)
	n.start()
}

func (w *weather) powerOff(node int, d time.Duration) {
	n, to := w.nodes[node], w.nodes[(node+1)%len(w.nodes)]
	n.kill()
	w.later(700*ms, func() {
		for _, r := range w.routers {
			w.mu.Lock()
			here := r.active == n.name
			w.mu.Unlock()
			if here {
				w.bind(r, to.name)
			}
		}
	})
	w.later(d, func() { w.restart(n) })
}

// fault turns a fault on for a time. Those of one kind and action end together, at the later time.
func (w *weather) fault(f lab.Fault, d time.Duration) {
	key := f.Name + f.Action + f.Code
	w.faults[key] = timedFault{f, time.Now().Add(d)}
	w.setFaults()
	w.later(d, w.setFaults)
}

func (w *weather) setFaults() {
	ctx := context.Background()
	_ = must(0, w.api.ClearFaults(ctx))
	_ = must(0, w.api.SetFault(ctx, lab.Fault{Name: lab.Throttle}))
	for key, f := range w.faults {
		if !time.Now().Before(f.until) {
			delete(w.faults, key)
			continue
		}
		_ = must(0, w.api.SetFault(ctx, f.Fault))
	}
}

// useUp has somebody else allocate all Elastic IPs that the quota leaves.
func (w *weather) useUp(d time.Duration) {
	for {
		w.watch.mu.Lock()
		out, err := w.AllocateAddress(context.Background(), &ec2.AllocateAddressInput{})
		if err == nil {
			w.watch.strange[*out.AllocationId] = true
			w.taken = append(w.taken, *out.AllocationId)
		}
		w.watch.mu.Unlock()
		if err != nil {
			break
		}
	}
	w.later(d, w.giveBack)
}

func (w *weather) giveBack() {
	for _, id := range w.taken {
		must(w.ReleaseAddress(context.Background(), &ec2.ReleaseAddressInput{AllocationId: &id}))
	}
	w.taken = nil
}

// clear ends all that is in the way: from now on everything answers, at once and truly.
func (w *weather) clear() {
	w.mu.Lock()
	for _, t := range w.timers {
		t.Stop()
	}
	w.mu.Unlock()
	synctest.Wait() // for those that have fired
	clear(w.faults)
	w.setFaults()
	w.giveBack()
	for i, r := range w.routers {
		w.mu.Lock()
		active := r.active
		w.neutronLag = time.Second
		w.mu.Unlock()
		if active == "" {
			active = w.nodes[i%len(w.nodes)].name
		}
		w.herald(r, "")
		w.bind(r, active)
	}
	for _, n := range w.nodes {
		n.change(func() {
			now := time.Now()
			n.resumed, n.ovnStale, n.noOVN, n.noAPI, n.noWord = now, now, now, now, now
			n.slow, n.lose, n.killIn, n.ovnDelay = 100*ms, 0, 0, 10*ms
		})
	}
	for _, n := range w.nodes {
		n.starting <- struct{}{} // another may be starting
		dead := n.process.ctx.Err() != nil
		<-n.starting
		if dead {
			w.restart(n)
		}
	}
}

// sequence is what happens in one world.
type sequence struct {
	seed   uint64
	nodes  int
	small  bool // the instances, so that a node needs several interfaces
	routes int  // routers
	all    []happening
	last   time.Duration // from then until nothing disturbs any more
}

func newSequence(seed uint64, length int) sequence {
	r := rand.New(rand.NewPCG(seed, 9))
	s := sequence{seed: seed, nodes: 2 + r.IntN(2), small: r.IntN(4) == 0, routes: 1 + r.IntN(2)}
	for range length {
		s.all = append(s.all, draw(r, s.nodes, s.routes))
	}
	s.last = between(r, 0, 20*time.Second)
	return s
}

// without leaves a happening out. What comes after it stays when it was.
func (s sequence) without(i int) sequence {
	s.all = slices.Clone(s.all)
	if i+1 < len(s.all) {
		s.all[i+1].after += s.all[i].after
	}
	s.all = slices.Delete(s.all, i, i+1)
	return s
}

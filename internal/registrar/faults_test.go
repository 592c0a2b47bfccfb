// SPDX-License-Identifier: Apache-2.0

package registrar

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"macaw.example/lab"
)

func seconds(n int) lab.FaultDuration { return lab.FaultDuration(time.Duration(n) * time.Second) }

// trouble is an AWS on a bad day.
func (r *region) trouble() {
	r.set(lab.Fault{Name: lab.Throttle})
	r.set(lab.Fault{Name: lab.Error, Rate: 0.1, When: lab.Either})
	r.set(lab.Fault{Name: lab.Lag, Min: seconds(1), Max: seconds(3)})
	r.set(lab.Fault{Name: lab.Timeout, Action: "A*", Rate: 0.02, When: lab.Either, Min: seconds(5), Max: seconds(9)})
}

func TestConvergesInTrouble(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			inRegion(t, 200, func(r *region) {
				c := r.node("gw-1", "m8i.large", 1) // 19 addresses on an interface
				if err := r.api.SetFaultSeed(r.t.Context(), seed); err != nil {
					t.Fatal(err)
				}
				r.trouble()
				reg, _ := r.start(c)
				w := wants(30)
				for _, n := range []int{10, 30, 5, 25} {
					until(t, reg, w[:n], 20*time.Minute)
					r.check(w[:n])
				}
				until(t, reg, nil, 20*time.Minute)
				r.check(nil)
			})
		})
	}
}

// TestKilledAnywhere ends the process at each call, before it is made and after
// its effect, and begins anew.
func TestKilledAnywhere(t *testing.T) {
	steps := [][]Want{wants(5), wants(1)} // more than one interface of a t3.small takes, and less
	var enough atomic.Int64
	inRegion(t, 100, func(r *region) {
		reg, d := r.start(r.node("gw-1", "t3.small", 1))
		d.before = func() error { enough.Add(1); return nil }
		for _, w := range steps {
			until(t, reg, w, 10*time.Minute)
		}
	})
	for n := 1; n <= int(enough.Load()); n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			inRegion(t, 100, func(r *region) {
				c := r.node("gw-1", "t3.small", 1)
				r.set(lab.Fault{Name: lab.Lag, Min: seconds(1), Max: seconds(3)})
				for _, w := range steps {
					for _, lost := range []bool{false, true} {
						reg, d := r.start(c)
						r.killAt(d, reg, w, n, lost)
					}
					reg, _ := r.start(c)
					until(t, reg, w, 10*time.Minute)
					r.check(w)
				}
			})
		})
	}
}

// killAt runs a process like the agent's until its n-th call, or until it has
// nothing to do.
func (r *region) killAt(d *direct, reg *Registrar, w []Want, n int, lost bool) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	calls := 0
	kill := func() error {
		r.mu.Lock()
		defer r.mu.Unlock()
		if calls++; calls >= n {
			cancel()
			return context.Canceled
		}
		return nil
	}
	if after := d.after; lost {
		d.after = func() error { return errors.Join(after(), kill()) }
	} else {
		d.before = kill
	}
	for end := time.Now().Add(5 * time.Minute); ctx.Err() == nil && time.Now().Before(end); {
		res, err := reg.Reconcile(ctx, w)
		if err == nil && res.Next.IsZero() {
			return
		}
		_ = sleep(ctx, max(time.Second, time.Until(res.Next)))
	}
}

// TestFailover has two nodes side by side, and Neutron that moves addresses
// from one to the other. They look at it at different times.
func TestFailover(t *testing.T) {
	inRegion(t, 50, func(r *region) {
		one, two := r.node("gw-1", "m8i.large", 1), r.node("gw-2", "m8i.large", 1)
		r.trouble()
		w := wants(12)
		six := netip.MustParsePrefix(r.prefix6()).Addr()
		for range 0x42 {
			six = six.Next()
		}
		w = append(w, Want{Addr: six, Here: true})
		at := func(node int, active int) []Want {
			out := append([]Want(nil), w...)
			for i := range out {
				out[i].Here = (i+active)%3 == 0 == (node == 0)
			}
			return out
		}
		active := 0
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		for node, c := range []Config{one, two} {
			reg, _ := r.start(c)
			go func() {
				defer func() { done <- struct{}{} }()
				for ctx.Err() == nil {
					r.mu.Lock()
					now := active
					r.mu.Unlock()
					_, _ = reg.Reconcile(ctx, at(node, now))
					_ = sleep(ctx, time.Duration(3+4*node)*time.Second)
				}
			}()
		}
		for move := range 6 {
			r.mu.Lock()
			active = move
			r.mu.Unlock()
			time.Sleep(2 * time.Minute)
			r.check(w)
			on, _ := r.truth()
			for node, c := range []Config{one, two} {
				for _, want := range at(node, move) {
					if e := r.describe(on[want.Addr]); want.Here && e.Instance != c.Instance {
						t.Errorf("move %d: %s is on %s, want %s", move, want.Addr, e.Instance, c.Instance)
					}
				}
			}
		}
		cancel()
		<-done
		<-done
		synctest.Wait()
	})
}

// An address that arrives is claimed before AWS is looked at, and told of before a look shows it.
func TestArrivalDoesNotWaitForDescribe(t *testing.T) {
	inRegion(t, 5, func(r *region) {
		c, d := r.node("gw-1", "m8i.large", 1), r.node("gw-2", "m8i.large", 1)
		mine := wants(1)
		other, _ := r.start(d)
		must(other.Reconcile(r.t.Context(), mine))
		var began time.Time
		told := make(map[netip.Addr]time.Duration)
		c.Registered = func(all map[netip.Addr]Registration) {
			for a := range all {
				if _, ok := told[a]; !ok {
					told[a] = time.Since(began)
				}
			}
		}
		reg, _ := r.start(c)
		must(reg.Reconcile(r.t.Context(), []Want{{Addr: mine[0].Addr}}))
		r.set(lab.Fault{Name: lab.Latency, Action: "Describe*", Min: seconds(2), Max: seconds(2)})
		r.set(lab.Fault{Name: lab.Lag, Action: "*", Min: seconds(3), Max: seconds(5)})
		began = time.Now()
		must(reg.Reconcile(r.t.Context(), mine))
		if took, ok := told[mine[0].Addr]; !ok || took > time.Second {
			t.Errorf("told after %v (%t)", took, ok)
		}
	})
}

// The call that would take them back is throttled meanwhile: it is not repeated.
func TestMovedDuringRetries(t *testing.T) {
	inRegion(t, 5, func(r *region) {
		c, d := r.node("gw-1", "m8i.large", 1), r.node("gw-2", "m8i.large", 1)
		mine := wants(2)
		other, _ := r.start(d)
		must(other.Reconcile(r.t.Context(), mine))
		began := time.Now()
		c.StillHere = func(a netip.Addr) bool { return a == mine[0].Addr || time.Since(began) < time.Second }
		r.set(lab.Fault{Name: lab.Error, Action: "Assign*", Rate: 1, When: lab.Before, Code: "RequestLimitExceeded"})
		time.AfterFunc(2*time.Second, func() { _ = r.api.ClearFaults(context.Background()) })
		reg, _ := r.start(c)
		must(reg.Reconcile(r.t.Context(), mine))
		on, _ := r.truth()
		for i, want := range []string{c.Instance, d.Instance} {
			if e := r.describe(on[mine[i].Addr]); e.Instance != want {
				t.Errorf("%s is on %s, want %s", mine[i].Addr, e.Instance, want)
			}
		}
	})
}

// Another gateway, with an old view, takes an address back right after it was moved, before AWS is read. The node that
// has the traffic takes it again soon.
func TestTakenBackBeforeItWasSeen(t *testing.T) {
	inRegion(t, 5, func(r *region) {
		c, d := r.node("gw-1", "m8i.large", 1), r.node("gw-2", "m8i.large", 1)
		mine := wants(1)
		other, _ := r.start(d)
		must(other.Reconcile(r.t.Context(), mine))
		time.Sleep(time.Minute)
		reg, calls := r.start(c)
		taken := false
		calls.after = func() error {
			on, _ := r.truth()
			if e := r.describe(on[mine[0].Addr]); !taken && e.Instance == c.Instance {
				taken = true
				must(other.Reconcile(r.t.Context(), mine))
			}
			return nil
		}
		began := time.Now()
		until(t, reg, mine, time.Minute)
		on, _ := r.truth()
		took := time.Since(began)
		if e := r.describe(on[mine[0].Addr]); !taken || e.Instance != c.Instance || took > 2*movedTTL {
			t.Errorf("taken back: %t; %v after it was moved the address is on %s, want %s", taken, took, e.Instance, c.Instance)
		}
	})
}

// TestThereAndBack moves an address away and back within seconds: what the first
// node remembers of it must not keep it from taking it back.
func TestMovedAwayAndBack(t *testing.T) {
	inRegion(t, 5, func(r *region) {
		c, d := r.node("gw-1", "m8i.large", 1), r.node("gw-2", "m8i.large", 1)
		one, _ := r.start(c)
		two, _ := r.start(d)
		mine := wants(1)
		theirs := []Want{{Addr: mine[0].Addr}}
		for _, step := range []struct {
			reg    *Registrar
			wanted []Want
		}{{one, mine}, {two, mine}, {one, theirs}, {one, mine}} {
			must(step.reg.Reconcile(r.t.Context(), step.wanted))
		}
		r.check(mine)
		on, _ := r.truth()
		if e := r.describe(on[mine[0].Addr]); e.Instance != c.Instance {
			t.Errorf("the address is on %s, want %s", e.Instance, c.Instance)
		}
	})
}

// An agent learns before its pass, or in the middle of it, that a router is on another gateway, which has registered
// the router's addresses meanwhile. It must not take them back.
func TestMovedDuringPass(t *testing.T) {
	for asked := range 2 { // how often the address is still here
		inRegion(t, 5, func(r *region) {
			c, d := r.node("gw-1", "m8i.large", 1), r.node("gw-2", "m8i.large", 1)
			mine := wants(1)
			other, _ := r.start(d)
			must(other.Reconcile(r.t.Context(), mine))
			left := asked
			c.StillHere = func(netip.Addr) bool { left--; return left >= 0 }
			reg, _ := r.start(c)
			if result := must(reg.Reconcile(r.t.Context(), mine)); len(result.Registered) > 0 {
				t.Errorf("still here when asked %d times: registered %v", asked, result.Registered)
			}
			on, _ := r.truth()
			if e := r.describe(on[mine[0].Addr]); e.Instance != d.Instance {
				t.Errorf("still here when asked %d times: the address is on %s, want %s", asked, e.Instance, d.Instance)
			}
		})
	}
}

// SPDX-License-Identifier: Apache-2.0

package registrar

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"macaw.example/internal/model"
)

// crowd is a node whose AWS does at once what a plan says, with a clock of its own.
type crowd struct {
	cfg    Config
	seen   Seen
	wanted map[netip.Addr]Want
	r      *Registrar
	now    time.Time
	saved  []model.Held // what outlives the process
	full   bool         // the disk is
	gone   []string
}

// newCrowd has n addresses that Neutron has allocated and that have their Elastic IPs.
func newCrowd(n int, change ...func(*Config)) *crowd {
	c := &crowd{cfg: testConfig(), wanted: map[netip.Addr]Want{}, now: now, saved: []model.Held{}}
	c.cfg.ReleaseAfter = model.Wait(time.Hour)
	c.cfg.SaveHeld = func(held []model.Held) error {
		if c.full {
			return errors.New("no space left on device")
		}
		c.saved = held
		return nil
	}
	for _, f := range change {
		f(&c.cfg)
	}
	c.seen.ENIs = []ENI{own(1)}
	for i := range n {
		c.register(nthAddr(i))
	}
	c.restart()
	c.reconcile()
	return c
}

func nthAddr(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 20, 24, byte(i)}) }

func (c *crowd) register(a netip.Addr) {
	c.wanted[a] = here(a)
	if c.seen.holder(a) == nil {
		c.seen.ENIs[0].Addresses = append(c.seen.ENIs[0].Addresses, a)
	}
	if id := "alloc-" + a.String(); c.seen.elastic(id) == nil && c.cfg.Policy != model.ElasticIPsNone {
		c.seen.Elastic = append(c.seen.Elastic, forAddr(id, a, "eni-1"))
	}
	c.seen.sort()
}

func (c *crowd) lose(from, to int) {
	for i := from; i < to; i++ {
		delete(c.wanted, nthAddr(i))
	}
}

// restart is a new process.
func (c *crowd) restart() {
	c.cfg.Held = slices.Clone(c.saved)
	c.r = New(nil, c.cfg)
}

// reconcile observes, plans and applies, and returns the findings.
func (c *crowd) reconcile() []model.Finding {
	c.r.memory.observe(c.r.cfg, c.wanted, c.seen, c.now)
	_ = c.r.saveHeld()
	actions, findings := plan(c.r.cfg, c.wanted, c.seen, c.now, c.r.memory)
	for _, a := range actions {
		switch a.Verb {
		case Unassign:
			for _, addr := range a.Addrs {
				addressUnassigned{addr, a.ENI}.applyTo(&c.seen)
			}
		case Release:
			c.gone = append(c.gone, a.Allocation)
			elasticIPReleased(a.Allocation).applyTo(&c.seen)
		}
	}
	return findings
}

// advance lets time pass, with a reconcile pass every few seconds, and more rarely in long times.
func (c *crowd) advance(d time.Duration) (findings []model.Finding) {
	for end := c.now.Add(d); c.now.Before(end); {
		c.now = c.now.Add(max(10*time.Second, d/300))
		findings = c.reconcile()
	}
	return findings
}

func (c *crowd) left() int { return len(c.seen.Elastic) }

func (c *crowd) waiting() int { return len(c.r.memory.waiting(c.now)) }

// agree agrees to what is held of these addresses.
func (c *crowd) agree(addrs ...netip.Addr) {
	_ = c.r.Agree(slices.DeleteFunc(c.r.memory.heldList(),
		func(h model.Held) bool { return !slices.Contains(addrs, h.Addr) }))
}

func TestHold(t *testing.T) {
	for _, tt := range []struct {
		name              string
		crowd             *crowd
		lose, leave, held int
	}{
		{"a router and its two floating IPs, of all", newCrowd(3), 3, 0, 0},
		{"three", newCrowd(10), 3, 7, 0},
		{"half", newCrowd(10), 5, 5, 0},
		{"more than half", newCrowd(10), 6, 10, 6},
		{"all of a small cloud", newCrowd(4), 4, 4, 4},
		{"a project of a large cloud", newCrowd(200), 90, 110, 0},
		{"all of a large cloud", newCrowd(200), 200, 200, 200},
		{"all, and nothing ever waits", newCrowd(10, func(c *Config) { c.ReleaseAfter = 0 }), 10, 0, 0},
		{"all, made with the cloud", newCrowd(10, func(c *Config) { c.Policy = model.ElasticIPsAll }), 10, 10, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := tt.crowd
			c.lose(0, tt.lose)
			findings := c.advance(5 * time.Minute)
			if c.left() != tt.leave || c.waiting() != tt.held {
				t.Errorf("%d Elastic IPs are left and %d wait, want %d and %d", c.left(), c.waiting(), tt.leave,
					tt.held)
			}
			reported := slices.ContainsFunc(findings, func(f model.Finding) bool {
				return f.Code == ReleasesHeld && f.Hint != "" && strings.HasPrefix(f.Text, fmt.Sprint(tt.held))
			})
			if reported != (tt.held > 0) {
				t.Errorf("findings: %v", findings)
			}
		})
	}
}

// They go one after the other, faster than the grace: as if it were at once.
func TestHoldCountsWithinTheGrace(t *testing.T) {
	c := newCrowd(10)
	for i := range 10 {
		c.lose(i, i+1)
		c.advance(10 * time.Second)
	}
	c.advance(5 * time.Minute)
	if c.left() != 10 {
		t.Errorf("%d Elastic IPs are left", c.left())
	}
	c = newCrowd(10)
	for i := range 10 {
		c.lose(i, i+1)
		c.advance(time.Minute)
	}
	if c.advance(5 * time.Minute); c.left() != 0 {
		t.Errorf("one a minute: %d Elastic IPs are left", c.left())
	}
}

// Addresses whose Elastic IPs are held are free, and their Elastic IPs theirs again.
func TestHoldIsAboutElasticIPs(t *testing.T) {
	c := newCrowd(10)
	c.seen.ENIs[0].IPv6 = []netip.Addr{six}
	c.lose(0, 10)
	c.advance(5 * time.Minute)
	if e := c.seen.ENIs[0]; len(e.Addresses)+len(e.IPv6) > 0 {
		t.Errorf("left: %v", e)
	}
	c.wanted[nthAddr(3)] = here(nthAddr(3))
	c.seen.ENIs[0].Addresses = []netip.Addr{nthAddr(3)}
	c.r.memory.observe(c.r.cfg, c.wanted, c.seen, c.now)
	got, _ := plan(c.r.cfg, c.wanted, c.seen, c.now, c.r.memory)
	if len(got) != 1 || got[0].Verb != Associate || got[0].Allocation != "alloc-10.20.24.3" {
		t.Errorf("the plan is %v", got)
	}
}

func TestHoldEnds(t *testing.T) {
	t.Run("by time", func(t *testing.T) {
		c := newCrowd(10)
		c.lose(0, 10)
		if c.advance(time.Hour); c.left() != 10 {
			t.Errorf("%d Elastic IPs are left within the hour", c.left())
		}
		if c.advance(time.Minute); c.left() != 0 {
			t.Errorf("%d Elastic IPs are left after the hour", c.left())
		}
	})
	t.Run("never by time", func(t *testing.T) {
		c := newCrowd(10, func(c *Config) { c.ReleaseAfter = model.Never })
		c.lose(0, 10)
		if c.advance(100 * time.Hour); c.left() != 10 {
			t.Errorf("%d Elastic IPs are left", c.left())
		}
	})
	t.Run("by agreement", func(t *testing.T) {
		c := newCrowd(10, func(c *Config) { c.ReleaseAfter = model.Never })
		c.lose(0, 8)
		c.advance(5 * time.Minute)
		c.agree(nthAddr(0), nthAddr(1), nthAddr(9))
		if c.reconcile(); c.left() != 8 || c.waiting() != 6 {
			t.Errorf("%d Elastic IPs are left and %d wait, want 8 and 6", c.left(), c.waiting())
		}
	})
	t.Run("they come back", func(t *testing.T) {
		c := newCrowd(10)
		c.lose(0, 10)
		c.advance(5 * time.Minute)
		for i := range 10 { // one after the other, by hand
			c.register(nthAddr(i))
			c.advance(time.Minute)
		}
		if len(c.saved) != 0 || c.left() != 10 {
			t.Errorf("%d Elastic IPs are left; held: %v", c.left(), c.saved)
		}
		c.lose(0, 2)
		if c.advance(2 * time.Minute); c.left() != 8 {
			t.Errorf("%d Elastic IPs are left after two went as usual", c.left())
		}
	})
}

// An agreement does not cover what is held since.
func TestAgreementIsToWhatWasSeen(t *testing.T) {
	c := newCrowd(10)
	c.lose(0, 10)
	c.advance(5 * time.Minute)
	seen := c.r.memory.heldList()
	for i := range 10 {
		c.register(nthAddr(i))
	}
	c.advance(time.Minute)
	c.lose(0, 10)
	c.advance(time.Minute)
	if err := c.r.Agree(seen); err != nil {
		t.Error(err)
	}
	if c.advance(5 * time.Minute); c.left() != 10 {
		t.Errorf("%d Elastic IPs are left", c.left())
	}
}

func TestHoldOutlivesTheProcess(t *testing.T) {
	c := newCrowd(10)
	c.lose(0, 10)
	c.advance(30 * time.Minute)
	for i := range 8 {
		c.register(nthAddr(i)) // while the agent is down
	}
	c.restart()
	if c.advance(5 * time.Minute); c.left() != 10 {
		t.Errorf("%d Elastic IPs are left: the hold was forgotten", c.left())
	}
	c.agree(nthAddr(8))
	c.restart()
	if c.advance(2 * time.Minute); c.left() != 9 {
		t.Errorf("%d Elastic IPs are left: the agreement was forgotten", c.left())
	}
	if c.advance(26 * time.Minute); c.left() != 8 {
		t.Errorf("%d Elastic IPs are left an hour after the hold began", c.left())
	}
}

// Nothing is known of what was held: whatever is found may have been.
func TestHoldIsLost(t *testing.T) {
	c := newCrowd(10)
	c.lose(0, 10)
	c.advance(30 * time.Minute)
	for i := range 8 {
		c.register(nthAddr(i))
	}
	c.saved = nil
	c.restart()
	c.advance(5 * time.Minute)
	c.lose(0, 1) // later ones go as usual
	if c.advance(5 * time.Minute); c.left() != 9 || c.waiting() != 2 {
		t.Errorf("%d Elastic IPs are left and %d wait, want 9 and 2", c.left(), c.waiting())
	}
}

// What cannot be saved could be forgotten.
func TestNothingIsReleasedWithAFullDisk(t *testing.T) {
	c := newCrowd(10)
	c.lose(0, 3)
	c.advance(30 * time.Second)
	c.lose(3, 7)
	c.full = true
	c.advance(time.Second)
	c.agree(nthAddr(0))
	if c.advance(2 * time.Hour); c.left() != 10 {
		t.Errorf("%d Elastic IPs are left with a full disk", c.left())
	}
	c.full = false
	if c.advance(time.Minute); c.left() != 3 {
		t.Errorf("%d Elastic IPs are left, and the time is over", c.left())
	}
	c = newCrowd(10)
	c.full = true
	c.lose(0, 3)
	if c.advance(2 * time.Minute); c.left() != 7 {
		t.Errorf("%d Elastic IPs are left: there was nothing to note down", c.left())
	}
}

// Whatever Neutron says, and however often the process begins anew: what goes without an
// agreement before its time are few, or fewer than stay. In time all go that are no
// longer wanted.
func TestReleasesAreFew(t *testing.T) {
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 0))
		c := newCrowd(1 + random.IntN(60))
		for range 200 {
			switch random.IntN(8) {
			case 0:
				from := random.IntN(60)
				c.lose(from, from+random.IntN(60))
			case 1:
				from := random.IntN(60)
				c.lose(from, from+1)
			case 2:
				for range random.IntN(20) {
					c.register(nthAddr(random.IntN(60)))
				}
			case 3:
				if random.IntN(4) == 0 {
					c.saved = nil
				}
				c.restart()
			case 4:
				if random.IntN(4) == 0 {
					c.agree(nthAddr(random.IntN(60)), nthAddr(random.IntN(60)))
				}
			case 5:
				c.full = !c.full
			}
			c.now = c.now.Add(time.Duration(1+random.IntN(40)) * time.Second)
			before := c.r.memory.heldList()
			c.gone = nil
			c.reconcile()
			free := 0 // to go
			for _, h := range before {
				if slices.Contains(c.gone, h.Allocation) {
					free++
					if h.Waits(c.now) {
						t.Fatalf("seed %d: %s was released", seed, h.Addr)
					}
				}
			}
			if n := len(c.gone) - free; n > max(maxUnheld, len(c.wanted)) {
				t.Fatalf("seed %d: %d were released at once, and %d stay", seed, n, len(c.wanted))
			}
		}
		c.full = false
		c.advance(2 * time.Hour)
		if n := len(c.seen.ENIs[0].Addresses); n > len(c.wanted) || c.left() > len(c.wanted) {
			t.Fatalf("seed %d: %d addresses and %d Elastic IPs are left, and %d are wanted", seed, n, c.left(),
				len(c.wanted))
		}
	}
}

func TestWaitAsText(t *testing.T) {
	for text, want := range map[string]model.Wait{"1h0m0s": model.Wait(time.Hour), "never": model.Never, "0s": 0} {
		var got model.Wait
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%s is %v, %v", text, got, err)
		}
		if back, err := got.MarshalText(); string(back) != text || err != nil {
			t.Errorf("%s comes back as %s, %v", text, back, err)
		}
	}
	for _, text := range []string{"", "-1h", "5", "soon"} {
		if err := new(model.Wait).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}

// Against the local AWS: Neutron is empty, then another process, then an agreement.
func TestNeutronIsEmpty(t *testing.T) {
	inRegion(t, 50, func(r *region) {
		saved := []model.Held{}
		c := r.node("gw-1", "m8i.large", 1, func(c *Config) {
			c.ReleaseAfter, c.Held = model.Wait(time.Hour), saved
			c.SaveHeld = func(held []model.Held) error { saved = held; return nil }
		})
		reg, _ := r.start(c)
		w := wants(8)
		publics := func() (all []string) {
			for _, a := range must(r.DescribeAddresses(context.Background(), &ec2.DescribeAddressesInput{})).Addresses {
				all = append(all, aws.ToString(a.PublicIp))
			}
			slices.Sort(all)
			return all
		}
		until(t, reg, w, time.Minute)
		r.check(w)
		before := publics()
		passes := func(d time.Duration, w []Want) (res Result) {
			for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(30 * time.Second) {
				res = must(reg.Reconcile(context.Background(), w))
			}
			return res
		}
		res := passes(30*time.Minute, nil)
		if after := publics(); !slices.Equal(before, after) || len(res.Held) != 8 || !res.Held[0].Public.IsValid() {
			t.Errorf("an empty Neutron left %v of %v; held: %+v", after, before, res.Held)
		}
		if wait := time.Until(res.Next); wait < 20*time.Minute || wait > 31*time.Minute {
			t.Errorf("the next pass is due in %v, and the hold ends in half an hour", wait)
		}
		c.Held = saved
		reg, _ = r.start(c)
		passes(10*time.Minute, w[:2]) // some come back
		if after := publics(); !slices.Equal(before, after) {
			t.Errorf("left: %v of %v", after, before)
		}
		if err := reg.Agree(saved); err != nil {
			t.Error(err)
		}
		passes(2*time.Minute, w[:2])
		r.check(w[:2])
		if len(saved) != 0 {
			t.Errorf("still held: %v", saved)
		}
	})
}

// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"macaw.example/internal/model"
	"macaw.example/internal/translate"
)

var byValue = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

// env is an agent among fakes, in a bubble with a clock of its own.
type env struct {
	t        *testing.T
	agent    *agent
	machine  *fakeMachine
	neutron  *fakeNeutron
	aws      *fakeAWS
	mu       sync.Mutex
	notified []string // to systemd
	stop     func()
}

func inBubble(t *testing.T, f func(b *env)) {
	state := filepath.Join(t.TempDir(), "translation.json")
	synctest.Test(t, func(t *testing.T) {
		b := &env{t: t, machine: newFakeMachine(), neutron: new(fakeNeutron), aws: newFakeAWS()}
		cfg := Config{Node: "gw-1", Gateways: []string{"gw-1"}, NICMAC: eni1, Primary: primary, State: state,
			Range: []netip.Prefix{netip.MustParsePrefix("10.20.1.8/29")}}
		log := slog.New(slog.DiscardHandler)
		b.agent = &agent{
			word:    newLastWord(cfg),
			cfg:     cfg,
			log:     log,
			worker:  newReconcileWorker(cfg, b.aws, newHeldFiles(cfg, log), newMailbox[registrations]()),
			tagger:  newStatusTagger(log),
			saver:   newSaver(state, log),
			metrics: newMetrics(t.TempDir(), fakeNICs{}),
			report:  newReporter("", "gw-1", fakeNICs{}, log),
			time:    defaultTiming,
			kernel:  b.machine,
			connect: b.neutron.connect,
			notify: func(s string) error {
				b.mu.Lock()
				defer b.mu.Unlock()
				b.notified = append(b.notified, s)
				return nil
			},
		}
		f(b)
		if b.stop != nil {
			b.stop()
		}
	})
}

func (b *env) start() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- b.agent.run(ctx) }()
	b.stop = func() {
		cancel()
		if err := <-done; err != nil {
			b.t.Errorf("run: %v", err)
		}
	}
	synctest.Wait()
}

// count is how often systemd was notified of something that begins so.
func (b *env) count(prefix string) (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.notified {
		if strings.HasPrefix(s, prefix) {
			n++
		}
	}
	return n
}

const (
	ready = "READY=1"
	alive = "WATCHDOG=1"
)

// save is what an earlier agent has left.
func (b *env) save(s savedState) {
	b.t.Helper()
	if err := newSaver(b.agent.cfg.State, slog.New(slog.DiscardHandler)).write(s); err != nil {
		b.t.Fatal(err)
	}
}

func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (b *env) want(what string, entries ...translate.Entry) {
	b.t.Helper()
	got, _ := b.machine.Entries()
	if len(entries) == 0 && len(got) == 0 {
		return
	}
	if d := cmp.Diff(entries, got, byValue); d != "" {
		b.t.Errorf("%s: entries (-want +got):\n%s", what, d)
	}
}

func TestAgentFollowsNeutron(t *testing.T) {
	inBubble(t, func(b *env) {
		b.neutron.set(nil, router(addr10, mac1), router(foreign, mac2))
		b.start()
		b.want("first answer", entry(addr10, mac1))
		if n := b.count(ready); n != 1 {
			t.Errorf("systemd was notified %d times that the agent is ready: %q", n, b.notified)
		}
		b.neutron.set(nil, router(addr10, mac2), router(addr11, mac2))
		pass(31 * time.Second)
		b.want("poll", entry(addr10, mac2), entry(addr11, mac2))
		b.neutron.set(nil)
		pass(31 * time.Second)
		b.want("all released")
		if slices.Contains(b.machine.history, foreign) {
			t.Error("an address that is not registered was translated")
		}
	})
}

func TestAgentKeepsTheMapWithoutNeutron(t *testing.T) {
	inBubble(t, func(b *env) {
		b.neutron.set(nil, router(addr10, mac1))
		b.start()
		b.neutron.set(errors.New("connection refused"))
		pass(10 * time.Minute)
		b.want("Neutron gone", entry(addr10, mac1))
		b.neutron.set(nil, router(addr11, mac1))
		pass(31 * time.Second)
		b.want("Neutron back", entry(addr11, mac1))
		if b.neutron.logins < 2 {
			t.Error("the agent did not log in anew")
		}
	})
}

func TestAgentRestoresAfterReboot(t *testing.T) {
	inBubble(t, func(b *env) {
		before := []translate.Entry{entry(addr10, mac1), entry(foreign, mac2)}
		b.save(savedState{Entries: before})
		b.neutron.set(errors.New("not up yet"))
		b.start()
		b.want("before Neutron answers", entry(addr10, mac1))
		b.neutron.set(nil, router(addr11, mac2))
		pass(31 * time.Second)
		b.want("after", entry(addr11, mac2))
		state, err := loadState(b.agent.cfg.State)
		if d := cmp.Diff([]translate.Entry{entry(addr11, mac2)}, state.Entries, byValue); d != "" || err != nil {
			t.Errorf("saved (-want +got), %v:\n%s", err, d)
		}
	})
}

func TestAgentRestartKeepsThePinnedMap(t *testing.T) {
	inBubble(t, func(b *env) {
		b.machine.entries = []translate.Entry{entry(addr12, mac2)}
		b.save(savedState{Entries: []translate.Entry{entry(addr10, mac1)}})
		b.neutron.set(errors.New("down"))
		b.start()
		b.want("the map is newer than the file", entry(addr12, mac2))
	})
}

func TestAgentQueriesForUnknownAddresses(t *testing.T) {
	inBubble(t, func(b *env) {
		b.start()
		pass(time.Second)
		before := b.neutron.queries()
		b.machine.frames <- translate.Event{Reason: translate.OutUnregisteredARP, Addr: addr10, MAC: mac1}
		b.machine.frames <- translate.Event{Reason: translate.OutUnregisteredIPv4, Addr: addr11, MAC: mac1}
		pass(250 * time.Millisecond)
		if n := b.neutron.queries() - before; n != 1 {
			t.Errorf("%d queries after a burst of events, want 1", n)
		}
		// Neutron's database learns of them between the second and the third.
		b.neutron.set(nil, router(addr10, mac1), router(addr11, mac1))
		pass(1500 * time.Millisecond)
		b.want("queried again", entry(addr10, mac1), entry(addr11, mac1))

		// A floating IP moves to another router, which announces it.
		b.neutron.set(nil, router(addr10, mac2), router(addr11, mac1))
		b.machine.frames <- translate.Event{Reason: translate.OutSpoofedARP, Addr: addr10, MAC: mac2}
		pass(250 * time.Millisecond)
		b.want("moved", entry(addr10, mac2), entry(addr11, mac1))
	})
}

func TestAgentDoesNotQueryForEver(t *testing.T) {
	inBubble(t, func(b *env) {
		b.start()
		before := b.neutron.queries()
		for range 60 {
			b.machine.frames <- translate.Event{Reason: translate.OutUnregisteredIPv4, Addr: addr10, MAC: mac1}
			b.machine.frames <- translate.Event{Reason: translate.OutUnregisteredIPv4, Addr: foreign, MAC: mac1}
			pass(time.Second)
		}
		if n := b.neutron.queries() - before; n < maxQueries || n > maxQueries+3 {
			t.Errorf("%d queries in a minute, want %d and the polls", n, maxQueries)
		}
	})
}

func TestAgentAttachesAgain(t *testing.T) {
	inBubble(t, func(b *env) {
		b.neutron.set(nil, router(addr10, mac1))
		b.start()
		b.machine.mu.Lock()
		b.machine.stale = errors.New("mcw0 was made anew")
		b.machine.mu.Unlock()
		b.machine.plug()
		b.machine.changes <- struct{}{}
		pass(5 * time.Second)
		b.machine.plug(eni1)
		pass(2 * time.Second)
		if b.machine.attached != 2 || b.count(ready) != 1 {
			t.Errorf("attached %d times, want 2; notified systemd of %q", b.machine.attached, b.notified)
		}
		b.want("kept", entry(addr10, mac1))
	})
}

func TestAgentKeepsTheNICClear(t *testing.T) {
	inBubble(t, func(b *env) {
		b.start()
		b.machine.mu.Lock()
		b.machine.addrs = []netip.Prefix{netip.MustParsePrefix("10.20.1.11/24")}
		b.machine.mu.Unlock()
		b.machine.changes <- struct{}{}
		pass(time.Second)
		if len(b.machine.addrs) != 0 || b.machine.attached != 1 {
			t.Errorf("addresses %v on the NIC, attached %d times", b.machine.addrs, b.machine.attached)
		}
	})
}

func TestAgentWaitsForAWS(t *testing.T) {
	inBubble(t, func(b *env) {
		b.aws.set(errors.New("no route to host"), 10, fakeENI(eni1))
		b.save(savedState{Entries: []translate.Entry{entry(addr10, mac1)}})
		b.neutron.set(nil, router(addr10, mac1), floating(addr11, mac1))
		b.start()
		pass(time.Minute)
		b.want("what was known goes on", entry(addr10, mac1))
		if len(b.neutron.tagged) != 0 {
			t.Errorf("tagged %q without an answer from AWS", b.neutron.tagged)
		}
		if n := b.aws.count(); n < 4 || n > 10 {
			t.Errorf("%d tries in a minute", n)
		}
		b.aws.set(nil, 10, fakeENI(eni1))
		pass(31 * time.Second)
		b.want("AWS back", entry(addr10, mac1), entry(addr11, mac1))
	})
}

func TestAgentTagsFloatingIPs(t *testing.T) {
	inBubble(t, func(b *env) {
		b.neutron.set(nil, router(addr10, mac1), floating(addr11, mac1), floating(foreign, mac1))
		b.start()
		want := []string{"10.20.1.11 198.51.100.7 ", "10.20.1.200 invalid IP address-out-of-range"}
		if d := cmp.Diff(want, b.neutron.tagged); d != "" {
			t.Errorf("tagged (-want +got):\n%s", d)
		}
		b.want("and translates", entry(addr10, mac1), entry(addr11, mac1))
	})
}

func TestAgentSpreadsOverENIs(t *testing.T) {
	inBubble(t, func(b *env) {
		second := translate.Entry{Addr: addr11, MAC: mac1, ENI: eni2}
		b.aws.set(nil, 1, fakeENI(eni1))
		b.neutron.set(nil, router(addr10, mac1), floating(addr11, mac1))
		b.start()
		b.want("no room", entry(addr10, mac1))

		// AWS has another ENI, and the machine does not have its interface yet.
		b.aws.set(nil, 1, fakeENI(eni1), fakeENI(eni2))
		pass(31 * time.Second)
		if got := b.machine.names(); got != "eth1" {
			t.Errorf("attached to %q, want eth1", got)
		}
		b.machine.plug(eni1, eni2)
		b.machine.changes <- struct{}{}
		pass(time.Second)
		if got := b.machine.names(); got != "eth1 eth2" {
			t.Errorf("attached to %q, want both", got)
		}
		b.want("both", entry(addr10, mac1), second)

		// An answer of AWS that is older than the machine takes nothing away.
		b.aws.set(nil, 2, fakeENI(eni1))
		pass(3 * time.Minute)
		if got := b.machine.names(); got != "eth1 eth2" {
			t.Errorf("attached to %q after an old answer, want both", got)
		}
		s, err := loadState(b.agent.cfg.State)
		if err != nil || len(s.ENIs) != 2 {
			t.Errorf("saved %+v, %v", s, err)
		}
	})
}

func TestAgentKnowsItsENIsAfterReboot(t *testing.T) {
	inBubble(t, func(b *env) {
		second := translate.Entry{Addr: addr11, MAC: mac1, ENI: eni2}
		b.save(savedState{ENIs: []eni{{eni1, primary}, {eni2, foreign}},
			Entries: []translate.Entry{entry(addr10, mac1), second}})
		b.machine.plug(eni1, eni2)
		b.neutron.set(errors.New("not up yet"))
		b.start()
		if got := b.machine.names(); got != "eth1 eth2" {
			t.Errorf("attached to %q, want both", got)
		}
		b.want("before any answer", entry(addr10, mac1), second)
	})
}

func TestAgentIsQuiet(t *testing.T) {
	inBubble(t, func(b *env) {
		b.neutron.set(nil, router(addr10, mac1))
		b.start()
		pass(time.Minute)
		neutron, aws := b.neutron.queries(), b.aws.count()
		pass(10 * time.Minute)
		if n := b.neutron.queries() - neutron; n != 20 {
			t.Errorf("Neutron was queried %d times in 10 quiet minutes, want 20", n)
		}
		if n := b.aws.count() - aws; n != 10 {
			t.Errorf("AWS was reconciled %d times in 10 quiet minutes, want 10", n)
		}
		aws = b.aws.count()
		b.neutron.set(nil, router(addr10, mac1), floating(addr11, mac1))
		pass(31 * time.Second)
		if b.aws.count() != aws+1 {
			t.Error("AWS was not reconciled with what is new in Neutron")
		}
	})
}

func TestAgentProbesForUnknownAddresses(t *testing.T) {
	inBubble(t, func(b *env) {
		b.start()
		pass(time.Second)
		before := b.neutron.queries()
		// The Internet scans floating IPs that wait for a guest.
		arrives := func(a netip.Addr) {
			b.machine.frames <- translate.Event{Reason: translate.InHost, Addr: a, MAC: eni1}
			pass(50 * time.Millisecond)
		}
		arrives(addr10)
		arrives(foreign)
		pass(10 * time.Second)
		if n := b.neutron.queries() - before; n != 0 {
			t.Errorf("Neutron was queried %d times because of a scan", n)
		}
		if n := len(b.machine.probed); n < 20 || n > 40 || slices.Contains(b.machine.probed, foreign) {
			t.Errorf("the bridge was probed %d times: %v", n, b.machine.probed)
		}
		// A router carries one, and has not announced it.
		arrives(addr10)
		b.neutron.set(nil, floating(addr10, mac1))
		b.machine.mu.Lock()
		b.machine.owners = map[netip.Addr]model.MAC{addr10: mac1}
		b.machine.mu.Unlock()
		pass(200 * time.Millisecond)
		b.want("found", entry(addr10, mac1))
		b.machine.mu.Lock()
		b.machine.probed = nil
		b.machine.mu.Unlock()
		pass(5 * time.Second)
		if n := len(b.machine.probed); n != 0 {
			t.Errorf("the bridge was probed %d times for what is translated", n)
		}
	})
}

func TestAgentTrustsARouterUntilNeutronAnswers(t *testing.T) {
	inBubble(t, func(b *env) {
		waits := floating(addr11, mac1)
		waits.MAC, waits.Active = nil, false
		b.neutron.set(nil, router(addr10, mac1), waits)
		b.start()
		pass(time.Second)
		b.want("before", entry(addr10, mac1))
		b.neutron.mu.Lock()
		b.neutron.slow = 500 * time.Millisecond
		b.neutron.mu.Unlock()
		announce := func(mac model.MAC) {
			b.machine.frames <- translate.Event{Reason: translate.OutUnregisteredARP, Addr: addr11, MAC: mac}
			pass(10 * time.Millisecond)
		}
		announce(mac2)
		b.want("that MAC is unknown", entry(addr10, mac1))
		announce(mac1)
		b.want("a router of Neutron's", entry(addr10, mac1), entry(addr11, mac1))
		pass(2 * time.Second)
		b.want("Neutron says that it still waits", entry(addr10, mac1))
	})
}

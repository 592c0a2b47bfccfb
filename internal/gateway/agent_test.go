package gateway

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"macaw/internal/translate"
)

var byValue = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

// bench is an agent among fakes, in a bubble with a clock of its own.
type bench struct {
	t       *testing.T
	agent   *agent
	machine *fakeMachine
	neutron *fakeNeutron
	told    []string
	stop    func()
}

func inBubble(t *testing.T, f func(b *bench)) {
	state := filepath.Join(t.TempDir(), "translation.json")
	synctest.Test(t, func(t *testing.T) {
		b := &bench{t: t, machine: newFakeMachine(), neutron: new(fakeNeutron)}
		b.agent = &agent{
			cfg:     Config{Registered: []netip.Addr{addr10, addr11, addr12}, State: state},
			log:     slog.New(slog.DiscardHandler),
			time:    normal,
			kernel:  b.machine,
			connect: b.neutron.connect,
			notify:  func(s string) error { b.told = append(b.told, s); return nil },
		}
		f(b)
		if b.stop != nil {
			b.stop()
		}
	})
}

func (b *bench) start() {
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

func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (b *bench) want(what string, entries ...translate.Entry) {
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
	inBubble(t, func(b *bench) {
		b.neutron.set(nil, router(addr10, mac1), router(foreign, mac2))
		b.start()
		b.want("first answer", translate.Entry{Addr: addr10, MAC: mac1})
		if len(b.told) != 1 {
			t.Errorf("systemd was told %q", b.told)
		}
		b.neutron.set(nil, router(addr10, mac2), router(addr11, mac2))
		pass(31 * time.Second)
		b.want("poll", translate.Entry{Addr: addr10, MAC: mac2}, translate.Entry{Addr: addr11, MAC: mac2})
		b.neutron.set(nil)
		pass(31 * time.Second)
		b.want("all released")
		if slices.Contains(b.machine.history, foreign) {
			t.Error("an address that is not registered was translated")
		}
	})
}

func TestAgentKeepsTheMapWithoutNeutron(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.neutron.set(nil, router(addr10, mac1))
		b.start()
		b.neutron.set(errors.New("connection refused"))
		pass(10 * time.Minute)
		b.want("Neutron gone", translate.Entry{Addr: addr10, MAC: mac1})
		b.neutron.set(nil, router(addr11, mac1))
		pass(31 * time.Second)
		b.want("Neutron back", translate.Entry{Addr: addr11, MAC: mac1})
		if b.neutron.logins < 2 {
			t.Error("the agent did not log in anew")
		}
	})
}

func TestAgentRestoresAfterReboot(t *testing.T) {
	inBubble(t, func(b *bench) {
		saved := []translate.Entry{{Addr: addr10, MAC: mac1}, {Addr: foreign, MAC: mac2}}
		if err := saveState(b.agent.cfg.State, saved); err != nil {
			t.Fatal(err)
		}
		b.neutron.set(errors.New("not up yet"))
		b.start()
		b.want("before Neutron answers", translate.Entry{Addr: addr10, MAC: mac1})
		b.neutron.set(nil, router(addr11, mac2))
		pass(31 * time.Second)
		b.want("after", translate.Entry{Addr: addr11, MAC: mac2})
		state, err := loadState(b.agent.cfg.State)
		if d := cmp.Diff([]translate.Entry{{Addr: addr11, MAC: mac2}}, state, byValue); d != "" || err != nil {
			t.Errorf("saved (-want +got), %v:\n%s", err, d)
		}
	})
}

func TestAgentRestartKeepsThePinnedMap(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.machine.entries = []translate.Entry{{Addr: addr12, MAC: mac2}}
		saveState(b.agent.cfg.State, []translate.Entry{{Addr: addr10, MAC: mac1}})
		b.neutron.set(errors.New("down"))
		b.start()
		b.want("the map is newer than the file", translate.Entry{Addr: addr12, MAC: mac2})
	})
}

func TestAgentAsksForWhatSends(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.start()
		pass(time.Second)
		before := b.neutron.questions()
		b.machine.frames <- translate.Event{Reason: translate.OutUnregisteredARP, Addr: addr10, MAC: mac1}
		b.machine.frames <- translate.Event{Reason: translate.OutUnregisteredIPv4, Addr: addr11, MAC: mac1}
		pass(250 * time.Millisecond)
		if n := b.neutron.questions() - before; n != 1 {
			t.Errorf("%d questions after a burst of events, want 1", n)
		}
		// Neutron's database learns of them between the second and the third.
		b.neutron.set(nil, router(addr10, mac1), router(addr11, mac1))
		pass(1500 * time.Millisecond)
		b.want("asked again", translate.Entry{Addr: addr10, MAC: mac1}, translate.Entry{Addr: addr11, MAC: mac1})

		// A floating IP moves to another router, which announces it.
		b.neutron.set(nil, router(addr10, mac2), router(addr11, mac1))
		b.machine.frames <- translate.Event{Reason: translate.OutMoved, Addr: addr10, MAC: mac2}
		pass(250 * time.Millisecond)
		b.want("moved", translate.Entry{Addr: addr10, MAC: mac2}, translate.Entry{Addr: addr11, MAC: mac1})
	})
}

func TestAgentIsNotMadeToAskForEver(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.start()
		before := b.neutron.questions()
		for range 60 {
			b.machine.frames <- translate.Event{Reason: translate.OutUnregisteredIPv4, Addr: addr10, MAC: mac1}
			b.machine.frames <- translate.Event{Reason: translate.OutUnregisteredIPv4, Addr: foreign, MAC: mac1}
			pass(time.Second)
		}
		if n := b.neutron.questions() - before; n < doubtTries || n > doubtTries+3 {
			t.Errorf("%d questions in a minute, want %d and the polls", n, doubtTries)
		}
	})
}

func TestAgentAttachesAgain(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.neutron.set(nil, router(addr10, mac1))
		b.start()
		b.machine.mu.Lock()
		b.machine.stale, b.machine.noNIC = errors.New("mcw0 was made anew"), true
		b.machine.mu.Unlock()
		b.machine.changes <- struct{}{}
		pass(5 * time.Second)
		b.machine.mu.Lock()
		b.machine.noNIC = false
		b.machine.mu.Unlock()
		pass(2 * time.Second)
		if b.machine.attached != 2 || len(b.told) != 1 {
			t.Errorf("attached %d times, want 2; told systemd %q", b.machine.attached, b.told)
		}
		b.want("kept", translate.Entry{Addr: addr10, MAC: mac1})
	})
}

func TestAgentKeepsTheNICClear(t *testing.T) {
	inBubble(t, func(b *bench) {
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

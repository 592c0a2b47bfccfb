// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"macaw.example/internal/model"
	"macaw.example/internal/neutron"
	"macaw.example/internal/registrar"
	"macaw.example/internal/translate"
)

// moodyNeutron answers as badly as its moods say, and notes when it was queried.
type moodyNeutron struct {
	mu      sync.Mutex
	moods   []mood // of the next queries; then it answers at once
	queried int
	began   time.Time // the last query
	ended   time.Time // the same, for the agent, which gives up some time; zero: not yet
}

// mood is how one query fares.
type mood struct {
	name  string
	login bool          // already the login fails so
	slow  time.Duration // until the answer
	hang  bool          // until the caller gives up
	rude  bool          // and does not return even then, for so long
	err   error
}

// query fares as the next mood says.
func (n *moodyNeutron) query(ctx context.Context) error {
	n.mu.Lock()
	n.queried++
	n.began, n.ended = time.Now(), time.Time{}
	which, m := n.queried, mood{}
	if len(n.moods) > 0 {
		m, n.moods = n.moods[0], n.moods[1:]
	}
	n.mu.Unlock()
	defer func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		if n.queried == which {
			n.ended = time.Now()
		}
	}()
	switch {
	case m.rude:
		time.Sleep(defaultTiming.queryTimeout + m.slow)
		return m.err
	case m.hang:
		<-ctx.Done()
		return ctx.Err()
	case m.slow > 0:
		sleep(ctx, m.slow)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return m.err
}

func (n *moodyNeutron) connect(ctx context.Context, _ Config) (neutronClient, error) {
	n.mu.Lock()
	login := len(n.moods) > 0 && n.moods[0].login
	n.mu.Unlock()
	if login {
		if err := n.query(ctx); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// ProviderAddresses answers, if at all, that every frame's source may have its address:
// for sources that Neutron does not confirm the agent queries less.
func (n *moodyNeutron) ProviderAddresses(ctx context.Context) ([]neutron.Address, error) {
	var macs []model.MAC
	for last := range 256 {
		macs = append(macs, moodyMAC(byte(last)))
	}
	return []neutron.Address{reserved(addr10, macs...)}, n.query(ctx)
}

func moodyMAC(last byte) model.MAC { return model.MAC{0xfa, 0x16, 0x3e, 0, 1, last} }

func (n *moodyNeutron) SetStatusTags(context.Context, neutron.Address, netip.Addr, string) (bool, error) {
	return false, nil
}

// enough is when the agent gives up a query that is under way.
const enough = 21 * time.Second

// silence is how long there was no query, and none under way.
func (n *moodyNeutron) silence() time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ended.IsZero() {
		return time.Since(n.began) - enough
	}
	return time.Since(n.ended)
}

// busy is how long the query that is under way may take.
func (n *moodyNeutron) busy() time.Duration { return max(0, -n.silence()) }

// left is how many more queries fare badly.
func (n *moodyNeutron) left() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.moods)
}

func (n *moodyNeutron) queries() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.queried
}

func moods(random *rand.Rand) []mood {
	kinds := []mood{
		{name: "hangs", hang: true},
		{name: "sends garbage", err: errors.New("invalid character '<' looking for beginning of value")},
		{name: "is slow", slow: time.Duration(random.Int64N(int64(2 * defaultTiming.queryTimeout)))},
		{name: "takes just as long as it may", slow: defaultTiming.queryTimeout},
		{name: "closes at once", err: errors.New("connection refused")},
		{name: "is slow, then fails", slow: time.Duration(random.Int64N(int64(defaultTiming.queryTimeout))),
			err: errors.New("500")},
		{name: "ignores that the caller gives up", rude: true, slow: time.Duration(random.Int64N(int64(time.Minute))),
			err: errors.New("late")},
		{name: "has no such network", err: neutron.ErrNoNetwork},
		{name: "answers"},
	}
	m := kinds[random.IntN(len(kinds))]
	m.login = random.IntN(3) == 0
	all := make([]mood, 1+random.IntN(20))
	for i := range all {
		all[i] = m
	}
	return all
}

// TestAgentAlwaysAsksAgain lets Neutron misbehave in ten thousand sequences, a
// hundred for each agent, while frames, link changes and signals come at any time.
// The agent queries again within its poll, and follows each of those.
func TestAgentAlwaysQueriesAgain(t *testing.T) {
	agents, sequences := uint64(100), 100
	if testing.Short() {
		agents = 10
	}
	for seed := range agents {
		inBubble(t, func(b *env) {
			random := rand.New(rand.NewPCG(seed, 0))
			n := &moodyNeutron{ended: time.Now()}
			machine := &watchedMachine{fakeMachine: b.machine}
			hangup := make(chan os.Signal, 1)
			b.agent.connect, b.agent.kernel, b.agent.reload = n.connect, machine, hangup
			b.start()
			end := func() {
				b.stop()
				b.stop = nil
				time.Sleep(2 * time.Minute) // queries that ignore that the caller gives up end as well
			}
			trace := []string{}
			fail := func(format string, args ...any) {
				b.t.Helper()
				end()
				b.t.Fatalf("seed %d: %s\nbefore: %q", seed, fmt.Sprintf(format, args...), trace)
			}
			mac := byte(0)
			for range sequences {
				m := moods(random)
				trace = append(trace, fmt.Sprintf("%d times %s", len(m), m[0].name))
				n.mu.Lock()
				n.moods = m
				n.mu.Unlock()
				for range random.IntN(4) {
					for range random.IntN(40) {
						pass(time.Duration(random.Int64N(int64(2 * time.Second))))
						if s := n.silence(); s > defaultTiming.poll+time.Second {
							fail("no query for %v", s)
						}
					}
					before, checked := n.queries(), machine.checked()
					switch random.IntN(3) {
					case 0:
						// A new MAC each time: the same would cause no new query for a minute.
						mac++
						b.machine.frames <- translate.Event{Reason: translate.OutUnregisteredARP, Addr: addr10,
							MAC: moodyMAC(mac)}
						trace = append(trace, "frame")
					case 1:
						hangup <- os.Interrupt
						trace = append(trace, "signal")
					case 2:
						b.machine.changes <- struct{}{}
						trace = append(trace, "link change")
						pass(defaultTiming.debounce)
						if machine.checked() == checked {
							fail("the interfaces were not checked")
						}
						continue
					}
					// Frames may have to wait for a second, see maxBurst.
					wait := n.busy() + defaultTiming.retry + defaultTiming.debounce
					pass(wait)
					if n.queries() == before {
						fail("no query for %v after it", wait)
					}
				}
				for n.left() > 0 {
					pass(time.Second)
					if s := n.silence(); s > defaultTiming.poll+time.Second {
						fail("no query for %v", s)
					}
				}
			}
			if b.count(alive) == 0 {
				fail("systemd's watchdog was never fed")
			}
			end()
		})
	}
}

// watchedMachine counts how often its translation is checked.
type watchedMachine struct {
	*fakeMachine
	checks int
}

func (m *watchedMachine) attach(c translate.Config) (translation, error) {
	_, err := m.fakeMachine.attach(c)
	return m, err
}

func (m *watchedMachine) Check() error {
	m.mu.Lock()
	m.checks++
	m.mu.Unlock()
	return m.fakeMachine.Check()
}

func (m *watchedMachine) checked() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.checks
}

// A Neutron that takes calls and does not answer is queried for as long as it takes,
// and its answer counts then.
func TestAgentOutlastsAHungNeutron(t *testing.T) {
	for hung := range 21 {
		inBubble(t, func(b *env) {
			left := hung
			b.neutron.set(nil, router(addr10, mac1))
			b.agent.connect = func(context.Context, Config) (neutronClient, error) { return hangs{b.neutron, &left}, nil }
			b.start()
			pass(time.Duration(hung)*(defaultTiming.queryTimeout+defaultTiming.poll) + time.Minute)
			b.want(fmt.Sprintf("Neutron hung %d times", hung), entry(addr10, mac1))
		})
	}
}

// hangs never answers the first times.
type hangs struct {
	*fakeNeutron
	left *int
}

func (h hangs) ProviderAddresses(ctx context.Context) ([]neutron.Address, error) {
	if *h.left > 0 {
		*h.left--
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return h.fakeNeutron.ProviderAddresses(ctx)
}

// Link changes that follow one another closely do not put off the check.
func TestAgentChecksDuringAStormOfLinkChanges(t *testing.T) {
	inBubble(t, func(b *env) {
		machine := &watchedMachine{fakeMachine: b.machine}
		b.agent.kernel = machine
		b.start()
		pass(time.Second)
		before := machine.checked()
		for range 200 { // two seconds
			b.machine.changes <- struct{}{}
			pass(10 * time.Millisecond)
		}
		if n := machine.checked() - before; n < 50 {
			t.Errorf("checked %d times within 2 s", n)
		}
	})
}

// The loop itself feeds the watchdog: one that hangs is not reported alive.
func TestWatchdogIsFedByTheLoop(t *testing.T) {
	inBubble(t, func(b *env) {
		machine := &hangingMachine{fakeMachine: b.machine, let: make(chan struct{})}
		b.agent.kernel = machine
		b.start()
		longest, last := time.Duration(0), time.Now()
		for range 600 {
			before := b.count(alive)
			pass(time.Second)
			if b.count(alive) > before {
				longest, last = max(longest, time.Since(last)), time.Now()
			}
		}
		if longest = max(longest, time.Since(last)); longest > watchdog/2+time.Second {
			t.Errorf("no heartbeat for %v, and the unit allows %v", longest, watchdog)
		}

		machine.plug() // the loop waits for an interface
		machine.mu.Lock()
		machine.stale = errors.New("gone")
		machine.mu.Unlock()
		machine.changes <- struct{}{}
		pass(time.Minute)
		before := b.count(alive)
		pass(watchdog)
		if b.count(alive) == before {
			t.Error("an agent that waits for its interface is not reported alive")
		}
		machine.plug(eni1)
		pass(5 * time.Second)

		machine.mu.Lock()
		machine.hang = true
		machine.mu.Unlock()
		pass(watchdog)
		before = b.count(alive)
		pass(time.Hour)
		if n := b.count(alive) - before; n != 0 {
			t.Errorf("an agent whose loop hangs was reported alive %d times in an hour", n)
		}
		machine.mu.Lock()
		machine.hang = false
		machine.mu.Unlock()
		close(machine.let)
	})
}

// hangingMachine has a kernel that does not return.
type hangingMachine struct {
	*fakeMachine
	hang bool
	let  chan struct{}
}

func (m *hangingMachine) attach(c translate.Config) (translation, error) {
	_, err := m.fakeMachine.attach(c)
	return m, err
}

func (m *hangingMachine) Check() error {
	m.mu.Lock()
	hang := m.hang
	m.mu.Unlock()
	if hang {
		<-m.let
	}
	return m.fakeMachine.Check()
}

// The unit's watchdog is longer than the loop's longest pause, with a query that takes
// its time, an answer that does, and a check.
func TestUnitWatchdog(t *testing.T) {
	if longest := max(defaultTiming.poll, defaultTiming.queryTimeout+defaultTiming.retry); watchdog < 2*longest {
		t.Errorf("the watchdog waits %v, and the loop may be quiet for %v", watchdog, longest)
	}
}

// A pass over AWS that never ends does not keep later answers of Neutron from it.
func TestReconcileWorkerEndsAPassThatHangs(t *testing.T) {
	inBubble(t, func(b *env) {
		b.agent.worker = newReconcileWorker(b.agent.cfg, &hangingAWS{fakeAWS: b.aws}, b.agent.worker.held,
			b.agent.worker.registered)
		b.neutron.set(nil, router(addr10, mac1))
		b.start()
		pass(time.Hour)
		b.want("AWS answers again", entry(addr10, mac1))
	})
}

// hangingAWS hangs in its first pass.
type hangingAWS struct {
	*fakeAWS
	hung bool
}

func (f *hangingAWS) Reconcile(ctx context.Context, wanted []registrar.Want) (registrar.Result, error) {
	if !f.hung {
		f.hung = true
		<-ctx.Done()
		return registrar.Result{}, ctx.Err()
	}
	return f.fakeAWS.Reconcile(ctx, wanted)
}

// The port of the metrics may be taken for a while.
func TestMetricsComeWhenThePortIsFree(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := taken.Addr().(*net.TCPAddr).AddrPort()
	var out logBuffer
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		log := slog.New(slog.NewTextHandler(&out, nil))
		newMetrics(t.TempDir(), fakeNICs{}).serve(ctx, at, http.NotFoundHandler(), time.Millisecond, log)
	}()
	defer func() { cancel(); <-done }()
	for out.lines() == 0 { // until it has failed once
		time.Sleep(time.Millisecond)
	}
	taken.Close()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		r, err := http.Get("http://" + at.String() + "/metrics")
		if err == nil {
			r.Body.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	if n := out.lines(); n != 1 {
		t.Errorf("%d lines of one fault:\n%s", n, out.text.String())
	}
}

// logBuffer takes a log's lines.
type logBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) lines() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Count(b.text.String(), "\n")
}

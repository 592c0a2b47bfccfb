// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"macaw.example/internal/model"
	"macaw.example/internal/neutron"
	"macaw.example/internal/registrar"
	"macaw.example/internal/translate"
)

// A router moves here, and its frame comes before Neutron says so.
func TestFrameIsFasterThanNeutron(t *testing.T) {
	inBubble(t, func(b *env) {
		b.agent.cfg.Gateways = []string{"gw-2", "gw-1"}
		b.agent.worker.cfg = b.agent.cfg
		b.neutron.set(nil, bound(router(addr10, mac1), "gw-2"))
		b.start()
		pass(time.Second)
		// OVN has moved the router here; Neutron's database says so 800 ms later.
		b.machine.frames <- translate.Event{Reason: translate.OutUnregisteredARP, Addr: addr10, MAC: mac1}
		pass(800 * time.Millisecond)
		b.neutron.set(nil, bound(router(addr10, mac1), "gw-1"))
		for i := range 40 {
			if got, _ := b.machine.Entries(); len(got) == 1 {
				if i > 2 {
					t.Errorf("translated %d s after Neutron knew", i)
				}
				return
			}
			pass(time.Second)
		}
		t.Error("never")
	})
}

// The machine has its ENI, whatever AWS shows: what was registered stays.
func TestAWSShowsNoneOfItsENIs(t *testing.T) {
	inBubble(t, func(b *env) {
		b.neutron.set(nil, router(addr10, mac1))
		b.start()
		b.want("before", entry(addr10, mac1))
		b.aws.set(nil, 10) // no ENI shows
		passes := b.aws.count()
		pass(3 * time.Minute)
		if b.aws.count() == passes {
			t.Error("AWS was not reconciled")
		}
		b.want("AWS shows none of the node's ENIs", entry(addr10, mac1))
	})
}

// Another process detaches the programs again and again.
func TestStaleAgainAndAgain(t *testing.T) {
	inBubble(t, func(b *env) {
		b.agent.kernel = alwaysStale{b.machine}
		b.start()
		pass(2 * time.Second)
		b.machine.mu.Lock()
		n := b.machine.attached
		b.machine.mu.Unlock()
		if n > 10 {
			t.Errorf("attached %d times in 2 s", n)
		}
	})
}

type alwaysStale struct{ *fakeMachine }

func (m alwaysStale) attach(c translate.Config) (translation, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.attached++; m.attached > 5000 {
		return nil, errors.New("enough")
	}
	return staleTranslation(m), nil
}

type staleTranslation struct{ *fakeMachine }

func (staleTranslation) Check() error { return errors.New("filter is gone") }

func TestReportSaysThatNeutronIsGone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agent.json")
	inBubble(t, func(b *env) {
		b.agent.report = newReporter(path, "gw-1", fakeNICs{}, slog.New(slog.DiscardHandler))
		b.neutron.set(nil, router(addr10, mac1))
		b.start()
		b.neutron.set(errors.New("connection refused"))
		pass(5 * time.Minute)
		raw, _ := os.ReadFile(path)
		if !strings.Contains(string(raw), "connection refused") {
			t.Errorf("the report: %s", raw)
		}
	})
}

// AWS puts another encoded message into each refusal.
func TestFindingIsLoggedOnce(t *testing.T) {
	var out bytes.Buffer
	r := newReporter("", "gw-1", fakeNICs{}, slog.New(slog.NewTextHandler(&out, nil)))
	text := func(i int) outcome {
		message := fmt.Sprintf("UnauthorizedOperation: You are not authorized. Encoded message: %d", i)
		finding := model.Finding{Addr: addr10, Code: registrar.Refused, Text: message}
		return outcome{result: registrar.Result{Findings: []model.Finding{finding}}}
	}
	for i := range 10 {
		r.reconciled(Config{Gateways: []string{"x"}}, text(i))
	}
	r.reconciled(Config{Gateways: []string{"x"}}, outcome{err: errors.New("timeout")})
	r.reconciled(Config{Gateways: []string{"x"}}, text(11))
	if n := strings.Count(out.String(), "\n"); n > 1 {
		t.Errorf("%d lines for one finding:\n%s", n, out.String())
	}
}

// pickyNeutron takes no tags for one address.
type pickyNeutron struct {
	*fakeNeutron
}

func (p pickyNeutron) SetStatusTags(
	ctx context.Context, a neutron.Address, public netip.Addr, problem string,
) (bool, error) {
	if a.Addr == addr10 {
		return false, errors.New("400: too many tags")
	}
	return p.fakeNeutron.SetStatusTags(ctx, a, public, problem)
}

// A floating IP that takes no tag does not keep the others from theirs.
func TestOneThatCannotBeTagged(t *testing.T) {
	inBubble(t, func(b *env) {
		b.agent.connect = func(context.Context, Config) (neutronClient, error) { return pickyNeutron{b.neutron}, nil }
		b.neutron.set(nil, floating(addr10, mac1), floating(addr11, mac1))
		b.start()
		pass(5 * time.Minute)
		if len(b.neutron.tagged) == 0 {
			t.Error("nothing was tagged, because of one floating IP")
		}
	})
}

// Two machines with one address do not make the agent query without bound.
func TestTwoMACsOfOneAddress(t *testing.T) {
	inBubble(t, func(b *env) {
		b.start()
		before := b.neutron.queries()
		for i := range 300 { // a minute
			b.machine.frames <- translate.Event{Reason: translate.OutUnregisteredIPv4, Addr: addr10,
				MAC: []model.MAC{mac1, mac2}[i%2]}
			pass(200 * time.Millisecond)
		}
		if n := b.neutron.queries() - before; n > 25 {
			t.Errorf("%d queries in a minute", n)
		}
	})
}

// pickyMachine translates only what its NICs carry.
type pickyMachine struct{ *fakeMachine }

func (m pickyMachine) attach(c translate.Config) (translation, error) {
	_, err := m.fakeMachine.attach(c)
	return m, err
}

func (m pickyMachine) Sync(entries []translate.Entry) (translate.Changes, error) {
	var kept []translate.Entry
	for _, e := range entries {
		m.mu.Lock()
		for i, n := range m.nics {
			for _, w := range m.wired {
				if n == e.ENI && w.Name == fmt.Sprintf("eth%d", i+1) {
					kept = append(kept, e)
				}
			}
		}
		m.mu.Unlock()
	}
	return m.fakeMachine.Sync(kept)
}

func TestNICComesLateAfterReboot(t *testing.T) {
	inBubble(t, func(b *env) {
		second := translate.Entry{Addr: addr11, MAC: mac1, ENI: eni2}
		b.save(savedState{ENIs: []eni{{eni1, primary}, {eni2, foreign}},
			Entries: []translate.Entry{entry(addr10, mac1), second}})
		b.agent.kernel = pickyMachine{b.machine}
		b.neutron.set(errors.New("not up yet"))
		b.start()
		b.want("one NIC", entry(addr10, mac1))
		b.machine.plug(eni1, eni2)
		b.machine.changes <- struct{}{}
		pass(2 * time.Second)
		b.want("both NICs, before any answer", entry(addr10, mac1), second)
	})
}

func TestNeutronTakesTheCallAndDoesNotAnswer(t *testing.T) {
	inBubble(t, func(b *env) {
		b.neutron.set(nil, router(addr10, mac1))
		b.start()
		b.agent.connect = func(ctx context.Context, _ Config) (neutronClient, error) { <-ctx.Done(); return nil, ctx.Err() }
		b.neutron.set(errors.New("gone"))
		pass(35 * time.Second) // it is in the middle of a query
		b.machine.mu.Lock()
		b.machine.stale = errors.New("mcw0 was made anew")
		b.machine.mu.Unlock()
		b.machine.changes <- struct{}{}
		for i := range 60 {
			pass(time.Second)
			b.machine.mu.Lock()
			n := b.machine.attached
			b.machine.mu.Unlock()
			if n == 2 {
				if i > 2 {
					t.Errorf("no frame passed for %d s", i+1)
				}
				return
			}
		}
		t.Error("never")
	})
}

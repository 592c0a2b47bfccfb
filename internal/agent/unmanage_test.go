// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"
)

// slowMachine is one whose disk is so slow at first that netplan fails.
type slowMachine struct {
	*fakeMachine
	takes    time.Duration
	failures int   // before it succeeds
	asked    []eni // the last time
	attempts int
}

func (m *slowMachine) unmanage(ctx context.Context, enis []eni) error {
	m.mu.Lock()
	m.attempts++
	m.asked = enis
	fails := m.attempts <= m.failures
	m.mu.Unlock()
	sleep(ctx, m.takes)
	if fails {
		return errors.New("netplan set: signal: killed")
	}
	return ctx.Err()
}

// Packets do not wait for the machine's network managers, and these are told until they listen.
func TestUnmanageIsRepeated(t *testing.T) {
	inBubble(t, func(b *env) {
		var log bytes.Buffer
		b.agent.log = slog.New(slog.NewTextHandler(&log, nil))
		machine := &slowMachine{fakeMachine: b.machine, takes: 2 * time.Minute, failures: 3}
		machine.plug(eni1, eni2)
		b.agent.kernel = machine
		b.save(savedState{ENIs: []eni{{MAC: eni1, Primary: primary}, {MAC: eni2, Primary: primary}}})
		b.aws.set(nil, 10, fakeENI(eni1), fakeENI(eni2))
		b.neutron.set(nil, router(addr10, mac1))
		b.start()
		pass(time.Second)
		b.want("while netplan is at work", entry(addr10, mac1))
		if b.count(ready) != 1 {
			t.Error("the agent is not ready")
		}
		pass(20 * time.Minute)
		machine.mu.Lock()
		defer machine.mu.Unlock()
		more := func(e eni) bool { return e.MAC == eni2 }
		if machine.attempts != 4 || len(machine.asked) != 1 || !slices.ContainsFunc(machine.asked, more) {
			t.Errorf("%d attempts, for %v; want 4, for the second ENI", machine.attempts, machine.asked)
		}
		if n := strings.Count(log.String(), "netplan set"); n != 1 {
			t.Errorf("logged %d times:\n%s", n, log.String())
		}
	})
}

// An agent that is told to end does not wait for netplan.
func TestUnmanageEndsWithTheAgent(t *testing.T) {
	inBubble(t, func(b *env) {
		b.agent.kernel = &slowMachine{fakeMachine: b.machine, takes: time.Hour}
		b.start()
		pass(time.Second)
		began := time.Now()
		b.stop()
		b.stop = nil
		if took := time.Since(began); took > time.Second {
			t.Errorf("it took %s", took)
		}
	})
}

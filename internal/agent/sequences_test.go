// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	awsapi "macaw.example/internal/aws"
)

var (
	sequenceSeed  = flag.Int64("sequence", -1, "run only TestSequences' sequence of this seed, with the agents' logs")
	sequenceCount = flag.Int("sequences", 1000, "how many sequences TestSequences runs")
	sequenceFrom  = flag.Uint64("sequences-from", 0, "the first seed of TestSequences")
	// sequenceLog gets the agents' logs; nil: nobody does.
	sequenceLog io.Writer
)

const (
	sequenceLength = 8
	// servingBy is by when everything has to be right that has users once nothing disturbs any more: a minute until
	// AWS is looked at without an occasion, a half until Neutron is asked, and the rest for a pass.
	servingBy = 100 * time.Second
	// tidyBy is by when the rest has to be: what is not needed is kept for a minute, and many releases at once
	// for two.
	tidyBy = 8 * time.Minute
	// quietFor is how long nothing may be written then.
	quietFor = 100 * time.Second
	// movesEach is how often addresses may move between nodes for each happening and address, on average: two
	// agents that both have OVN's word look at AWS every second for verifyFor.
	movesEach = 2
)

// TestSequences has things happen at random to clouds of two or three gateways, with agents as they are and the lab's
// AWS, and watches what must never be, see watchman. When things stop happening, all must become what Neutron and OVN
// say, and stay so.
//
//	go test ./internal/agent -run TestSequences -sequence 17 -v
//
// runs one seed, and says what happened. The same happens at the same times; which of two goroutines comes first in one
// instant is the scheduler's choice, so a rare failure may need several runs.
func TestSequences(t *testing.T) {
	if *sequenceSeed >= 0 {
		sequenceLog = os.Stderr
		s := newSequence(uint64(*sequenceSeed), sequenceLength)
		out := s.run(t)
		t.Logf("%s", out.trace(s))
		if out.failed() {
			t.Errorf("seed %d: %s", s.seed, strings.Join(out.wrong, "\n"))
		}
		return
	}
	count := *sequenceCount
	if testing.Short() {
		count = min(count, 100)
	}
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // a fifth of the time
	var next, failures atomic.Int64
	var total struct {
		sync.Mutex
		sum sequenceOutcome
	}
	t.Run("seeds", func(t *testing.T) {
		for worker := range runtime.GOMAXPROCS(0) {
			t.Run(fmt.Sprint(worker), func(t *testing.T) {
				t.Parallel()
				for {
					n := next.Add(1) - 1
					if n >= int64(count) || failures.Load() >= 3 {
						return
					}
					s := newSequence(*sequenceFrom+uint64(n), sequenceLength)
					out := s.run(t)
					if out.failed() {
						failures.Add(1)
						s, out = s.minimise(t, out)
						t.Errorf("seed %d: %s\n%s", s.seed, strings.Join(out.wrong, "\n"), out.trace(s))
					}
					total.Lock()
					total.sum = total.sum.plus(out)
					total.Unlock()
				}
			})
		}
	})
	sum := total.sum
	t.Logf("%d sequences, %d calls that write, %d moves of addresses; in the end all that has users was right after %v "+
		"at most, and everything after %v", count, sum.writes, sum.moves, sum.served, sum.tidy)
}

// sequenceOutcome is what came of a sequence.
type sequenceOutcome struct {
	wrong, log    []string
	writes, moves int
	served, tidy  time.Duration
}

func (o sequenceOutcome) failed() bool { return len(o.wrong) > 0 }

func (o sequenceOutcome) plus(p sequenceOutcome) sequenceOutcome {
	return sequenceOutcome{writes: o.writes + p.writes, moves: o.moves + p.moves, served: max(o.served, p.served),
		tidy: max(o.tidy, p.tidy)}
}

func (o sequenceOutcome) trace(s sequence) string {
	text := fmt.Sprintf("%d gateways, %d routers, small instances: %t\n", s.nodes, s.routes, s.small)
	for _, h := range s.all {
		text += h.String() + "\n"
	}
	return text + strings.Join(o.log, "\n")
}

// run has a sequence happen.
func (s sequence) run(t *testing.T) (out sequenceOutcome) {
	o := worldOptions{nodes: s.nodes, kind: types.InstanceTypeM8iLarge, enis: 1, quota: floatingIPs + s.routes + 4}
	if s.small {
		o.kind = types.InstanceTypeT3Medium // five addresses on an interface, and two provider interfaces
	}
	inWorld(t, o, func(world *world) {
		var mu sync.Mutex
		world.log = func(line string) { mu.Lock(); out.log = append(out.log, line); mu.Unlock() }
		w := &weather{world: world, faults: map[string]timedFault{}}
		_ = must(0, w.api.SetFaultSeed(t.Context(), s.seed))
		w.setFaults()
		w.neutronLag = time.Second
		for i := range s.routes {
			r := w.addRouter(i, w.nodes[i].name)
			w.float(2*i, r)
			w.float(2*i+1, nil)
		}
		for _, n := range w.nodes {
			n.ovnDelay, n.slow = 10*ms, 100*ms
			n.start()
		}
		time.Sleep(5 * time.Second)
		for _, h := range s.all {
			time.Sleep(h.after)
			w.note("-- %s", h.what)
			h.do(w)
		}
		time.Sleep(s.last)
		w.note("-- nothing disturbs any more")
		w.settle(&out)
		mu.Lock()
		out.log = slices.Clone(out.log)
		mu.Unlock()
	})
	return out
}

// settle waits until all is as it should be.
func (w *weather) settle(out *sequenceOutcome) {
	w.clear()
	_, before := w.watch.count()
	began := time.Now()
	var serving, left []string
	for {
		time.Sleep(5 * time.Second)
		serving, left = w.watch.astray()
		past := time.Since(began)
		if len(serving) == 0 && out.served == 0 {
			out.served = past
		}
		if len(serving)+len(left) == 0 || len(serving) > 0 && past > servingBy || past > tidyBy {
			out.tidy = past
			break
		}
	}
	_, moved := w.watch.count()
	out.wrong = append(out.wrong, serving...)
	out.wrong = append(out.wrong, left...)
	time.Sleep(awsapi.CallTimeout) // for calls that are under way since before
	written, _ := w.watch.count()
	if len(out.wrong) == 0 {
		time.Sleep(quietFor)
		serving, left = w.watch.astray()
		out.wrong = slices.Concat(out.wrong, serving, left)
	}
	out.writes, out.moves = w.watch.count()
	if out.writes > written {
		out.wrong = append(out.wrong, fmt.Sprintf("AWS was written to %d times when all was right", out.writes-written))
	}
	addresses := len(w.living())
	if n := moved - before; n > 3*addresses { // there, away by a call that was under way, and back
		out.wrong = append(out.wrong, fmt.Sprintf("%d addresses moved %d times after the end", addresses, n))
	}
	if n := movesEach * (floatingIPs + 2) * (sequenceLength + 2); out.moves > n {
		out.wrong = append(out.wrong, fmt.Sprintf("addresses moved %d times, more than %d", out.moves, n))
	}
	w.watch.mu.Lock()
	out.wrong = append(out.wrong, w.watch.wrong...)
	w.watch.mu.Unlock()
}

// minimise leaves out what is not needed for a failure.
func (s sequence) minimise(t *testing.T, out sequenceOutcome) (sequence, sequenceOutcome) {
	for i := len(s.all) - 1; i >= 0; i-- {
		shorter := s.without(i)
		again := shorter.run(t)
		if again.failed() {
			s, out = shorter, again
		}
	}
	return s, out
}

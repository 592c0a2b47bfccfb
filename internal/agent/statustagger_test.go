// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gophercloud/gophercloud/v2"

	"macaw.example/internal/neutron"
)

// tagging is a Neutron that takes tags of some floating IPs only.
type tagging struct {
	neutronClient
	mu     sync.Mutex
	fails  map[string]error // by floating IP's ID
	hangs  map[string]bool  // the same
	tries  map[string]int
	tagged map[string]int
}

func (n *tagging) SetStatusTags(ctx context.Context, a neutron.Address, _ netip.Addr, _ string) (bool, error) {
	n.mu.Lock()
	n.tries[a.ID]++
	err, hangs := n.fails[a.ID], n.hangs[a.ID]
	if err == nil && !hangs {
		n.tagged[a.ID]++
	}
	n.mu.Unlock()
	if hangs {
		<-ctx.Done()
		err = ctx.Err()
	}
	return err == nil, err
}

var (
	errTooManyTags = fmt.Errorf("adding tag: %w", gophercloud.ErrUnexpectedResponseCode{
		Actual: http.StatusBadRequest, Body: []byte("too many tags"),
	})
	errInternal = gophercloud.ErrUnexpectedResponseCode{Actual: http.StatusInternalServerError}
)

// inStatusTagger gives a status tagger a batch for 12 floating IPs every half a minute, as
// the agent's loop does.
func inStatusTagger(t *testing.T, f func(n *tagging, advance func(time.Duration), log *logBuffer)) {
	synctest.Test(t, func(t *testing.T) {
		n := &tagging{fails: map[string]error{}, hangs: map[string]bool{}, tries: map[string]int{},
			tagged: map[string]int{}}
		log := new(logBuffer)
		tagger := newStatusTagger(slog.New(slog.NewTextHandler(log, nil)))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { tagger.run(ctx); close(done) }()
		advance := func(d time.Duration) {
			for end := time.Now().Add(d); time.Now().Before(end); {
				b := statusBatch{neutron: n}
				for i := range 12 {
					a := neutron.Address{ID: fmt.Sprintf("fip-%02d", i),
						Addr: netip.AddrFrom4([4]byte{10, 20, 1, byte(i)}), Kind: neutron.KindFloating}
					b.statuses = append(b.statuses, floatingIPStatus{a, public, ""})
				}
				tagger.batches.put(b)
				time.Sleep(30 * time.Second)
				synctest.Wait()
			}
		}
		f(n, advance, log)
		cancel()
		<-done
	})
}

// Whatever is wrong with some floating IPs, the others are tagged; what is wrong with each
// is logged once, and it is tried again ever more rarely.
func TestStatusTaggerTagsTheOthers(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error // nil: Neutron hangs
		most int   // tries of one that fails, in six hours
	}{
		{"fifty tags already", errTooManyTags, 14},
		{"an error of Neutron's for these only", errInternal, 80},
		{"no answer for these only", nil, 80},
	} {
		t.Run(c.name, func(t *testing.T) {
			inStatusTagger(t, func(n *tagging, advance func(time.Duration), log *logBuffer) {
				for i := range 7 {
					id := fmt.Sprintf("fip-%02d", i)
					n.fails[id], n.hangs[id] = c.err, c.err == nil
				}
				advance(10 * time.Minute)
				for i := 7; i < 12; i++ {
					if id := fmt.Sprintf("fip-%02d", i); n.tagged[id] == 0 {
						t.Errorf("%s was not tagged in 10 minutes, because of others", id)
					}
				}
				advance(6 * time.Hour)
				for i := range 7 {
					id := fmt.Sprintf("fip-%02d", i)
					if n.tries[id] < 5 || n.tries[id] > c.most {
						t.Errorf("%s was tried %d times in six hours", id, n.tries[id])
					}
					if c.err != errTooManyTags {
						continue
					}
					line := fmt.Sprintf(`level=WARN msg="writing floating IP tags failed" address=10.20.1.%d id=%s `+
						`error="adding tag: `, i, id)
					if got := strings.Count(log.text.String(), line); got != 1 {
						t.Errorf("%d lines about %s:\n%s", got, id, log.text.String())
					}
				}
				// An operator has removed other tags.
				n.mu.Lock()
				clear(n.fails)
				clear(n.hangs)
				n.mu.Unlock()
				advance(maxRefusedRetry + time.Minute)
				for i := range 7 {
					if id := fmt.Sprintf("fip-%02d", i); n.tagged[id] == 0 {
						t.Errorf("%s was never tagged after that", id)
					}
				}
			})
		})
	}
}

// Where Neutron does not answer at all there is one line, and few calls.
func TestStatusTaggerWithoutNeutron(t *testing.T) {
	inStatusTagger(t, func(n *tagging, advance func(time.Duration), log *logBuffer) {
		for i := range 12 {
			n.fails[fmt.Sprintf("fip-%02d", i)] = errors.New("connection refused")
		}
		advance(time.Hour)
		if got := log.lines(); got > 3 {
			t.Errorf("%d lines about one fault:\n%s", got, log.text.String())
		}
		tries := 0
		for _, n := range n.tries {
			tries += n
		}
		if tries > 12*20 {
			t.Errorf("%d tries in an hour", tries)
		}
	})
}

// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"net/netip"
	"os/exec"
	"sync"
	"testing"
	"time"
)

// flow is a line of "macaw lab flows".
type flow struct {
	Port, Direction     string
	Source, Destination netip.Addr
	SourcePort          uint16 `json:"sourcePort"`
	DestinationPort     uint16 `json:"destinationPort"`
	Protocol            uint8
	Action, Reason      string
}

// recorder records the lab's flow log.
type recorder struct {
	cmd  *exec.Cmd
	errs bytes.Buffer // its standard error
	done chan struct{}

	mu    sync.Mutex
	flows []flow
	err   error
}

// record starts to record the flow log of a running lab.
func record(t *testing.T) *recorder {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &recorder{cmd: exec.CommandContext(ctx, macaw, "lab", "flows", "--interval", "1s", "--output", "json"),
		done: make(chan struct{})}
	r.cmd.Stderr = &r.errs
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(r.done)
		for lines := json.NewDecoder(out); ; {
			var f flow
			if err := lines.Decode(&f); err != nil {
				r.mu.Lock()
				r.err = err
				r.mu.Unlock()
				return
			}
			r.mu.Lock()
			r.flows = append(r.flows, f)
			r.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		defer cancel()
		if r.ended() == nil {
			cancel()
		}
		<-r.done
		if err := r.cmd.Wait(); ctx.Err() == nil {
			t.Errorf("the flow log ended: %v\n%s", err, r.errs.String())
		}
	})
	return r
}

// ended returns why recording has ended; nil if it has not.
func (r *recorder) ended() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// seen returns the flows recorded so far. It first waits, so that recent flows are
// included.
func (r *recorder) seen(t *testing.T) []flow {
	t.Helper()
	time.Sleep(2500 * time.Millisecond) // two intervals, plus time to print them
	if err := r.ended(); err != nil {
		t.Fatalf("the flow log ended: %v", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.flows) == 0 {
		t.Fatal("the flow log is empty")
	}
	return append([]flow(nil), r.flows...)
}

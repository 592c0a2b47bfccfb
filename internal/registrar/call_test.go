// SPDX-License-Identifier: Apache-2.0

package registrar

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
)

func refusedWith(code string) error { return &smithy.GenericAPIError{Code: code, Message: "no"} }

// noted is an Observer that keeps the calls it gets.
type noted []string

func (n *noted) Called(action, result string, _ time.Duration) { *n = append(*n, action+" "+result) }

func TestCall(t *testing.T) {
	for _, c := range []struct {
		name   string
		kind   callOptions
		errs   []error // of the tries, the last for ever
		want   error
		tries  int
		result string // of the first try
	}{
		{"done", callOptions{action: "X"}, []error{nil}, nil, 1, "X ok"},
		{"server error", callOptions{action: "X"}, []error{refusedWith("InternalError"), nil}, nil, 2,
			"X InternalError"},
		{"no answer", callOptions{action: "X"}, []error{errors.New("reset"), nil}, nil, 2, "X no-answer"},
		{"server error for a call that is not to be repeated", callOptions{action: "X", nonIdempotent: true},
			[]error{refusedWith("InternalError")}, errAmbiguous, 1, "X InternalError"},
		{"throttled, and not made", callOptions{action: "X", nonIdempotent: true},
			[]error{refusedWith("RequestLimitExceeded"), nil}, nil, 2, "X RequestLimitExceeded"},
		{"for ever", callOptions{action: "X"}, []error{refusedWith("Unavailable")}, errUnavailable, maxTries,
			"X Unavailable"},
		{"refused", callOptions{action: "X"}, []error{refusedWith("AddressLimitExceeded")},
			refusedWith("AddressLimitExceeded"), 1, "X AddressLimitExceeded"},
		{"not known yet", callOptions{action: "X", notYetVisible: notFound},
			[]error{refusedWith("InvalidAllocationID.NotFound"), nil}, nil, 2, "X InvalidAllocationID.NotFound"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var seen noted
				made := 0
				call := &caller{limiter: newLimiter(), observer: &seen}
				err := call.do(context.Background(), c.kind, func(context.Context) error {
					made++
					return c.errs[min(made, len(c.errs))-1]
				})
				if !errors.Is(err, c.want) && errorCode(err) != errorCode(c.want) || (err == nil) != (c.want == nil) {
					t.Errorf("error %v, want %v", err, c.want)
				}
				if made != c.tries || len(seen) != made || seen[0] != c.result || int(call.calls.Load()) != made {
					t.Errorf("%d tries, want %d; observed %v", made, c.tries, seen)
				}
			})
		})
	}
}

// TestLimiter makes calls as fast as it may.
func TestLimiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, began := newLimiter(), time.Now()
		at := func(calls int) time.Duration {
			for range calls {
				if err := l.wait(t.Context(), "AssociateAddress", time.Time{}); err != nil {
					t.Fatal(err)
				}
			}
			return time.Since(began).Round(time.Second)
		}
		// Nine tenths of a burst of 50 and of 5 a second.
		if d := cmp.Diff([]time.Duration{0, 20 * time.Second}, []time.Duration{at(45), at(90)}); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		time.Sleep(time.Hour)
		l.drain("AssociateAddress")
		began = time.Now()
		err := l.wait(t.Context(), "AssociateAddress", began.Add(100*time.Millisecond))
		if !errors.Is(err, errDeadline) {
			t.Errorf("too late: %v", err)
		}
		if took := at(9); took != 2*time.Second {
			t.Errorf("nine calls after it was drained take %v, want 2 s", took)
		}
	})
}

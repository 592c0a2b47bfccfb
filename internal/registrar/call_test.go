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

// noted is an Observer that keeps what it is told.
type noted []string

func (n *noted) Called(action, result string, _ time.Duration) { *n = append(*n, action+" "+result) }

func TestCall(t *testing.T) {
	for _, c := range []struct {
		name   string
		kind   kindOfCall
		errs   []error // of the tries, the last for ever
		want   error
		tries  int
		result string // of the first try
	}{
		{"done", kindOfCall{action: "X"}, []error{nil}, nil, 1, "X ok"},
		{"server error", kindOfCall{action: "X"}, []error{refusedWith("InternalError"), nil}, nil, 2, "X InternalError"},
		{"no answer", kindOfCall{action: "X"}, []error{errors.New("reset"), nil}, nil, 2, "X no-answer"},
		{"server error for a call that is not to be repeated", kindOfCall{action: "X", unique: true}, []error{refusedWith("InternalError")}, errUnsure, 1, "X InternalError"},
		{"throttled, and not made", kindOfCall{action: "X", unique: true}, []error{refusedWith("RequestLimitExceeded"), nil}, nil, 2, "X RequestLimitExceeded"},
		{"for ever", kindOfCall{action: "X"}, []error{refusedWith("Unavailable")}, errUnavailable, tries, "X Unavailable"},
		{"refused", kindOfCall{action: "X"}, []error{refusedWith("AddressLimitExceeded")}, refusedWith("AddressLimitExceeded"), 1, "X AddressLimitExceeded"},
		{"not known yet", kindOfCall{action: "X", yet: notFound}, []error{refusedWith("InvalidAllocationID.NotFound"), nil}, nil, 2, "X InvalidAllocationID.NotFound"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var told noted
				made := 0
				call := &caller{limits: newLimiter(), observer: &told}
				err := call.do(context.Background(), c.kind, func(context.Context) error {
					made++
					return c.errs[min(made, len(c.errs))-1]
				})
				if !errors.Is(err, c.want) && errorCode(err) != errorCode(c.want) || (err == nil) != (c.want == nil) {
					t.Errorf("error %v, want %v", err, c.want)
				}
				if made != c.tries || len(told) != made || told[0] != c.result || int(call.calls.Load()) != made {
					t.Errorf("%d tries, want %d; told %v", made, c.tries, told)
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
		if err := l.wait(t.Context(), "AssociateAddress", began.Add(100*time.Millisecond)); !errors.Is(err, errTurn) {
			t.Errorf("too late: %v", err)
		}
		if took := at(9); took != 2*time.Second {
			t.Errorf("nine calls after it was drained take %v, want 2 s", took)
		}
	})
}

// SPDX-License-Identifier: Apache-2.0

package aws

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// Backoff has the pauses between tries. They double from First to Most. A random part, of up to a
// quarter, is added, so that callers refused at the same time do not return at the same time.
type Backoff struct{ First, Most time.Duration }

// Pause returns the pause after a try; tries are counted from 0.
func (b Backoff) Pause(try int) time.Duration {
	d := b.First
	for range try {
		if d = min(2*d, b.Most); d == b.Most {
			break
		}
	}
	return d + time.Duration(rand.Int64N(int64(d)/4+1))
}

// Clock is the current time and sleeping.
type Clock interface {
	Now() time.Time
	// Sleep returns early with the context's error.
	Sleep(ctx context.Context, d time.Duration) error
}

// WallClock is the system's clock.
type WallClock struct{}

// Now returns the time.
func (WallClock) Now() time.Time { return time.Now() }

// Sleep waits.
func (WallClock) Sleep(ctx context.Context, d time.Duration) error { return Sleep(ctx, d) }

// Sleep waits, and returns early with the context's error.
func Sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// Policy limits the retries of what may succeed later: by a number of tries or by a time, whichever
// is set.
type Policy struct {
	Backoff
	Tries int
	Total time.Duration
	// Clock is WallClock if it is nil.
	Clock Clock
}

// Exhausted reports the end of a policy.
type Exhausted struct {
	Tries int
	After time.Duration
	// Reason is the last try's error.
	Reason error
}

// Error has the time spent, and the reason.
func (e *Exhausted) Error() string {
	return fmt.Sprintf("after %s: %v", e.After.Round(time.Second), e.Reason)
}

// Unwrap returns the reason.
func (e *Exhausted) Unwrap() error { return e.Reason }

// Do calls try until it asks for no further try, and returns its error. At the policy's end it
// returns an Exhausted with try's last error as its reason. When the context ends, it returns the
// context's error.
func (p Policy) Do(ctx context.Context, try func(context.Context) (again bool, err error)) error {
	clock := p.Clock
	if clock == nil {
		clock = WallClock{}
	}
	begin := clock.Now()
	slept := false
	for n := 0; ; n++ {
		began := clock.Now()
		again, err := try(ctx)
		if !again {
			return err
		}
		now := clock.Now()
		took := now.Sub(begin)
		// A laptop that was closed during a try: its answer is from before, so one more.
		if p.Total > 0 && !slept && now.Sub(began) >= p.Total {
			slept = true
			continue
		}
		if p.Tries > 0 && n+1 >= p.Tries || p.Total > 0 && took >= p.Total {
			return &Exhausted{Tries: n + 1, After: took, Reason: err}
		}
		if err := clock.Sleep(ctx, p.Pause(n)); err != nil {
			return err
		}
	}
}

package registrar

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// Pauses between tries of one call; with six tries they are 8 s together.
const (
	firstPause = 250 * time.Millisecond
	mostPause  = 4 * time.Second
	tries      = 6
)

// backoff doubles with every try, and up to a quarter is left to chance, so
// that nodes that were refused together do not come back together.
func backoff(try int) time.Duration {
	d := firstPause
	for range try {
		d = min(2*d, mostPause)
	}
	return d + time.Duration(rand.Int64N(int64(d)/4+1))
}

// caller makes calls of AWS: no faster than allowed, and again when that is
// safe and may help.
type caller struct {
	limits   *limiter
	observer Observer
	calls    atomic.Int64
}

// kindOfCall says how to treat the errors of a call.
type kindOfCall struct {
	action string
	// unique calls are not repeated without a clear answer.
	unique bool
	// yet tells errors that come because AWS does not know yet what it was told
	// just now.
	yet func(error) bool
	// deadline is when it is too late to begin; the zero time is never.
	deadline time.Time
}

// do makes a call. Its errors are the context's, errTurn, errUnsure of a
// unique call, errUnavailable, or AWS's refusal.
func (c *caller) do(ctx context.Context, k kindOfCall, f func(context.Context) error) error {
	for try := 0; ; try++ {
		if err := c.limits.wait(ctx, k.action, k.deadline); err != nil {
			return err
		}
		c.calls.Add(1)
		began := time.Now()
		err := f(ctx)
		c.observer.Called(k.action, resultOf(err), time.Since(began))
		switch {
		case err == nil:
			return nil
		case throttled(err):
			c.limits.empty(k.action)
		case unclear(err) && k.unique:
			return fmt.Errorf("calling %s: %w: %w", k.action, errUnsure, err)
		case ctx.Err() != nil:
			return ctx.Err()
		case unclear(err), k.yet != nil && k.yet(err):
		default:
			return err
		}
		if try == tries-1 {
			if k.yet != nil && k.yet(err) {
				return err
			}
			return fmt.Errorf("calling %s: %w: %w", k.action, errUnavailable, err)
		}
		if err := sleep(ctx, backoff(try)); err != nil {
			return err
		}
	}
}

func resultOf(err error) string {
	switch code := errorCode(err); {
	case err == nil:
		return "ok"
	case code == "":
		return "no-answer"
	default:
		return code
	}
}

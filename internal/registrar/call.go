package registrar

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	awsapi "macaw.example/internal/aws"
)

// Pauses between tries of one call; with six tries they are 8 s together.
var pauses = awsapi.Backoff{First: 250 * time.Millisecond, Most: 4 * time.Second}

const tries = 6

// backoff is the pause after a try.
func backoff(try int) time.Duration { return pauses.Pause(try) }

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
	policy := awsapi.Policy{Backoff: pauses, Tries: tries}
	err := policy.Do(ctx, func(ctx context.Context) (bool, error) {
		if err := c.limits.wait(ctx, k.action, k.deadline); err != nil {
			return false, err
		}
		c.calls.Add(1)
		began := time.Now()
		err := f(ctx)
		c.observer.Called(k.action, resultOf(err), time.Since(began))
		switch {
		case err == nil:
			return false, nil
		case throttled(err):
			c.limits.drain(k.action)
		case unclear(err) && k.unique:
			return false, fmt.Errorf("calling %s: %w: %w", k.action, errUnsure, err)
		case ctx.Err() != nil:
			return false, ctx.Err()
		case unclear(err), k.yet != nil && k.yet(err):
		default:
			return false, err
		}
		return true, err
	})
	if end, ok := errors.AsType[*awsapi.Exhausted](err); ok {
		if k.yet != nil && k.yet(end.Reason) {
			return end.Reason
		}
		return fmt.Errorf("calling %s: %w: %w", k.action, errUnavailable, end.Reason)
	}
	return err
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

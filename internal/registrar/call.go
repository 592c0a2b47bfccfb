// SPDX-License-Identifier: Apache-2.0

package registrar

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	awsapi "macaw.example/internal/aws"
)

// retryBackoff are the pauses between the tries of one call; together they are 8 s.
var retryBackoff = awsapi.Backoff{First: 250 * time.Millisecond, Most: 4 * time.Second}

const maxTries = 6

// backoff is the pause after a try.
func backoff(try int) time.Duration { return retryBackoff.Pause(try) }

// caller calls AWS: no faster than the limiter allows, and again where a retry is safe
// and may help.
type caller struct {
	limiter  *limiter
	observer Observer
	calls    atomic.Int64
}

// callOptions say how the errors of a call are treated.
type callOptions struct {
	action string
	// nonIdempotent calls are not repeated after an ambiguous answer.
	nonIdempotent bool
	// notYetVisible tells errors that come because AWS does not show yet what it has
	// just acknowledged.
	notYetVisible func(error) bool
	// deadline is when it is too late to begin; the zero time is never.
	deadline time.Time
	// check is asked before each try; its error ends the call.
	check func() error
}

// do makes a call. Its errors are the context's, errDeadline, errAmbiguous of a
// non-idempotent call, errUnavailable, that of callOptions.check, or AWS's refusal.
func (c *caller) do(ctx context.Context, o callOptions, f func(context.Context) error) error {
	policy := awsapi.Policy{Backoff: retryBackoff, Tries: maxTries}
	err := policy.Do(ctx, func(ctx context.Context) (again bool, err error) {
		if err := c.limiter.wait(ctx, o.action, o.deadline); err != nil {
			return false, err
		}
		if o.check != nil {
			if err := o.check(); err != nil {
				return false, err
			}
		}
		c.calls.Add(1)
		began := time.Now()
		err = f(ctx)
		c.observer.Called(o.action, resultOf(err), time.Since(began))
		switch {
		case err == nil:
			return false, nil
		case throttled(err):
			c.limiter.drain(o.action)
		case ambiguous(err) && o.nonIdempotent:
			return false, fmt.Errorf("calling %s: %w: %w", o.action, errAmbiguous, err)
		case ctx.Err() != nil:
			return false, ctx.Err()
		case ambiguous(err), o.notYetVisible != nil && o.notYetVisible(err):
		default:
			return false, err
		}
		return true, err
	})
	exhausted, ok := errors.AsType[*awsapi.Exhausted](err)
	switch {
	case !ok:
		return err
	case o.notYetVisible != nil && o.notYetVisible(exhausted.Reason):
		return exhausted.Reason
	}
	return fmt.Errorf("calling %s: %w: %w", o.action, errUnavailable, exhausted.Reason)
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

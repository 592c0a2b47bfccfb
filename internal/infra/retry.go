package infra

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/aws/smithy-go"
)

// patience says how long to go on with what may come right by itself.
type patience struct {
	first, most time.Duration // between two tries, growing
	total       time.Duration
}

var (
	// eventually is for calls that name something just made: AWS may not know
	// it yet (EC2 Developer Guide, eventual-consistency).
	eventually = patience{200 * time.Millisecond, 5 * time.Second, 2 * time.Minute}
	// slowly is for what waits for a machine to start or to end.
	slowly = patience{500 * time.Millisecond, 3 * time.Second, 10 * time.Minute}
	// briefly is for what should be there at once and, if it is not, never will.
	briefly = patience{200 * time.Millisecond, 2 * time.Second, 30 * time.Second}
)

// clock is the passing of time.
type clock interface {
	now() time.Time
	// sleep returns early with the context's error.
	sleep(ctx context.Context, d time.Duration) error
}

type wallClock struct{}

func (wallClock) now() time.Time { return time.Now() }

func (wallClock) sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// until calls try again until it is done or fails. Out of patience it returns
// the error that try gave as its reason for not being done, or errPatience.
func (a *applier) until(ctx context.Context, p patience, try func(context.Context) (done bool, reason, err error)) error {
	pause, end := p.first, a.clock.now().Add(p.total)
	for {
		done, reason, err := try(ctx)
		if done || err != nil {
			return err
		}
		if !a.clock.now().Before(end) {
			if reason == nil {
				reason = errPatience
			}
			return fmt.Errorf("after %s: %w", p.total, reason)
		}
		jitter := time.Duration(rand.Int64N(int64(pause)/4 + 1))
		if err := a.clock.sleep(ctx, pause+jitter); err != nil {
			return err
		}
		pause = min(pause*3/2, p.most)
	}
}

var errPatience = errors.New("it takes too long")

// call makes one call of AWS, again while the error is one that passes: those
// of an overloaded AWS, those for something that was just made and is not known
// yet, and the codes given.
func (a *applier) call(ctx context.Context, f func(context.Context) error, passing ...string) error {
	return a.until(ctx, eventually, func(ctx context.Context) (bool, error, error) {
		err := f(ctx)
		switch c := errorCode(err); {
		case err == nil:
			return true, nil, nil
		case c == "InvalidAMIID.NotFound":
			return false, nil, err
		case overloaded(c), notFound(err), profileUnknown(err), slices.Contains(passing, c):
			return false, err, nil
		default:
			return false, nil, err
		}
	})
}

// remove makes a call that removes something; that it is gone is success. It
// is tried again while something that goes away too still depends on it.
func (a *applier) remove(ctx context.Context, f func(context.Context) error) error {
	return a.until(ctx, eventually, func(ctx context.Context) (bool, error, error) {
		err := f(ctx)
		switch c := errorCode(err); {
		case err == nil, notFound(err), c == "Gateway.NotAttached":
			return true, nil, nil
		case overloaded(c), stillAttached(err), slices.Contains([]string{"DependencyViolation", "InvalidNetworkInterface.InUse",
			"InvalidIPAddress.InUse", "InvalidGroup.InUse", "InvalidCidrBlock.InUse", "IncorrectState", "DeleteConflict"}, c):
			return false, err, nil
		default:
			return false, nil, err
		}
	})
}

// errorCode returns AWS's code, or the empty string for other errors.
func errorCode(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	return ""
}

// notFound goes by the codes' common ending (EC2 API Reference,
// errors-overview: InvalidVpcID.NotFound, InvalidGroup.NotFound and so on). IAM
// has one code for everything (IAM API Reference, GetRole).
func notFound(err error) bool {
	c := errorCode(err)
	return strings.HasSuffix(c, ".NotFound") || c == "NoSuchEntity"
}

// profileUnknown says that EC2 does not know an instance profile, or the role in
// it, which IAM has just made: only the message tells (IAM User Guide,
// troubleshoot_general, eventual consistency).
func profileUnknown(err error) bool {
	return errorCode(err) == "InvalidParameterValue" && strings.Contains(err.Error(), "IAM Instance Profile")
}

// stillAttached says that a network interface cannot be deleted yet: only the
// message tells.
func stillAttached(err error) bool {
	return errorCode(err) == "InvalidParameterValue" && strings.Contains(err.Error(), "currently in use")
}

// overloaded are the codes of a server that asks for another try. The SDK
// tries three times by itself, which a burst of calls can exhaust.
// The last three are IAM's (IAM API Reference, CommonErrors and CreateRole).
func overloaded(code string) bool {
	return slices.Contains([]string{"RequestLimitExceeded", "InternalError", "ServiceUnavailable", "Unavailable",
		"Throttling", "ServiceFailure", "ConcurrentModification"}, code)
}

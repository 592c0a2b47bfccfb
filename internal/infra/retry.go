package infra

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	awsapi "macaw.example/internal/aws"
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
	// shortly is for what a call whose answer got lost may have made.
	shortly = patience{200 * time.Millisecond, 2 * time.Second, 5 * time.Second}
)

// clock is the passing of time.
type clock = awsapi.Clock

type wallClock = awsapi.WallClock

// until calls try again until it is done or fails. Out of patience it returns
// the error that try gave as its reason for not being done, or errPatience.
func (a *applier) until(
	ctx context.Context,
	p patience,
	try func(context.Context) (done bool, reason, err error),
) error {
	policy := awsapi.Policy{Backoff: awsapi.Backoff{First: p.first, Most: p.most}, Total: p.total, Clock: a.clock}
	return policy.Do(ctx, func(ctx context.Context) (bool, error) {
		done, reason, err := try(ctx)
		switch {
		case done || err != nil:
			return false, err
		case reason == nil:
			return true, errPatience
		}
		return true, reason
	})
}

var errPatience = errors.New("AWS has not come to an end with it")

// call makes one call of AWS, again while the error is one that passes: those
// of an overloaded AWS or a lost answer, those for something that was just made
// and is not known yet, and the codes given.
func (a *applier) call(ctx context.Context, f func(context.Context) error, passing ...string) error {
	return a.until(ctx, eventually, func(ctx context.Context) (bool, error, error) {
		err := f(ctx)
		switch {
		case err == nil:
			return true, nil, nil
		case passes(err) || slices.Contains(passing, errorCode(err)):
			return false, err, nil
		default:
			return false, nil, err
		}
	})
}

// passes reports whether a call that makes something may be made again.
func passes(err error) bool {
	return awsapi.Passing(err) || notFound(err) && errorCode(err) != "InvalidAMIID.NotFound"
}

// create makes a call that makes a resource, once for each time that AWS has
// none like it: a call whose answer got lost may have made one, and find then
// finds it, by the cloud's tag and by what it was to be. The call must be made
// with the option once: the SDK would repeat it without a look.
func (a *applier) create(
	ctx context.Context,
	make func(context.Context) error,
	find func(context.Context) (bool, error),
	passing ...string,
) error {
	return a.until(ctx, eventually, func(ctx context.Context) (bool, error, error) {
		err := make(ctx)
		class := awsapi.ClassOf(err)
		switch {
		case err == nil:
			return true, nil, nil
		case ctx.Err() != nil:
			return false, nil, ctx.Err()
		case class == awsapi.Exists, class == awsapi.Unclear && awsapi.Passing(err):
			found, findErr := a.appears(ctx, find)
			switch {
			case found || findErr != nil:
				return found, nil, findErr
			case class == awsapi.Exists:
				return false, nil, &hinted{err, "it is not the cloud's: it bears another tag " + awsapi.TagCloud +
					", or was made for something else; delete it, or take another name or network for the cloud"}
			}
			return false, err, nil
		case passes(err) || slices.Contains(passing, errorCode(err)):
			return false, err, nil
		default:
			return false, nil, err
		}
	})
}

// appears reports whether AWS shows shortly what is looked for.
func (a *applier) appears(ctx context.Context, find func(context.Context) (bool, error)) (found bool, err error) {
	err = a.until(ctx, shortly, func(ctx context.Context) (bool, error, error) {
		var err error
		if found, err = find(ctx); awsapi.Passing(err) || notFound(err) {
			return false, err, nil
		}
		return found, errPatience, err
	})
	var end *awsapi.Exhausted
	if errors.As(err, &end) && errors.Is(err, errPatience) {
		return false, nil
	}
	return found, err
}

// once makes the SDK leave repeating to this package, which looks before.
func once(o *ec2.Options) { o.Retryer = aws.NopRetryer{} }

// remove makes a call that removes something; that it is gone is success. It
// is tried again while something that goes away too still depends on it, and
// after the codes given.
func (a *applier) remove(ctx context.Context, f func(context.Context) error, passing ...string) error {
	return a.removing(ctx, f, func(context.Context, error) error { return nil }, passing...)
}

// delete removes the resource with that ID as remove does, but not for longer than
// it takes to see that others use it.
func (a *applier) delete(ctx context.Context, id string, f func(context.Context) error) error {
	refusals := 0
	return a.removing(ctx, f, func(ctx context.Context, refusal error) error {
		// A look is many calls, and what is going away takes some tries.
		if refusals++; refusals%4 != 1 {
			return nil
		}
		return a.blocks(ctx, id, refusal)
	})
}

func (a *applier) removing(
	ctx context.Context,
	f func(context.Context) error,
	busy func(context.Context, error) error, // an error ends it
	passing ...string,
) error {
	return a.until(ctx, eventually, func(ctx context.Context) (bool, error, error) {
		err := f(ctx)
		switch {
		case err == nil, notFound(err), errorCode(err) == "Gateway.NotAttached":
			return true, nil, nil
		case awsapi.ClassOf(err) == awsapi.Busy:
			return false, err, busy(ctx, err)
		case awsapi.Passing(err) || slices.Contains(passing, errorCode(err)):
			return false, err, nil
		default:
			return false, nil, err
		}
	})
}

// errorCode returns AWS's code, or the empty string for other errors.
func errorCode(err error) string { return awsapi.Code(err) }

func notFound(err error) bool { return awsapi.ClassOf(err) == awsapi.NotFound }

// hinted is an error with a way out.
type hinted struct {
	err  error
	hint string
}

func (e *hinted) Error() string { return e.err.Error() }
func (e *hinted) Unwrap() error { return e.err }

// Hint returns the way out.
func (e *hinted) Hint() string { return e.hint }

// token is a ClientToken.
func token(what ...string) *string { return aws.String(awsapi.Token(what...)) }

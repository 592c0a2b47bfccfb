// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/hint"
)

// How long to retry.
var (
	// consistencyPolicy is for calls that name a resource just made: AWS may not show it yet (EC2
	// Developer Guide, eventual-consistency).
	consistencyPolicy = policy(200*time.Millisecond, 5*time.Second, 2*time.Minute)
	// machinePolicy is for waits for a machine's start or end.
	machinePolicy = policy(500*time.Millisecond, 3*time.Second, 10*time.Minute)
	// visiblePolicy is for what is visible either soon or never.
	visiblePolicy = policy(200*time.Millisecond, 2*time.Second, 30*time.Second)
	// lostAnswerPolicy is for looking for the result of a call whose response was lost.
	lostAnswerPolicy = policy(200*time.Millisecond, 2*time.Second, 5*time.Second)
)

func policy(first, most, total time.Duration) awsapi.Policy {
	return awsapi.Policy{Backoff: awsapi.Backoff{First: first, Most: most}, Total: total}
}

type clock = awsapi.Clock

type wallClock = awsapi.WallClock

// until calls try until it no longer asks for another try, or the policy's time is over.
func (a *applier) until(
	ctx context.Context, p awsapi.Policy, try func(context.Context) (again bool, err error),
) error {
	p.Clock = a.clock
	return p.Do(ctx, try)
}

// call makes one call of AWS. It retries transient errors: throttling, a lost response, a resource
// just made that is not visible yet, and the given codes.
func (a *applier) call(ctx context.Context, f func(context.Context) error, passing ...string) error {
	return a.until(ctx, consistencyPolicy, func(ctx context.Context) (bool, error) {
		err := f(ctx)
		return passes(err) || slices.Contains(passing, errorCode(err)), err
	})
}

// oneCall makes a step of a call.
func oneCall(f step, passing ...string) step {
	return func(ctx context.Context, a *applier) error {
		return a.call(ctx, func(ctx context.Context) error { return f(ctx, a) }, passing...)
	}
}

// passes reports whether a call that makes something may be made again.
func passes(err error) bool {
	return awsapi.Passing(err) || awsapi.IsNotFound(err) && errorCode(err) != "InvalidAMIID.NotFound"
}

// create makes a call that makes a resource, once for each time that AWS has none like it: a call
// whose response was lost may have made one, which find then finds by the cloud's tag and its
// properties. The call must be made with the option noRetry: the SDK would repeat it without a
// look.
func (a *applier) create(
	ctx context.Context,
	make func(context.Context) error, find func(context.Context) (bool, error), passing ...string,
) error {
	return a.until(ctx, consistencyPolicy, func(ctx context.Context) (bool, error) {
		err := make(ctx)
		class := awsapi.ClassOf(err)
		switch {
		case err == nil:
			return false, nil
		case ctx.Err() != nil:
			return false, ctx.Err()
		case class == awsapi.Exists, class == awsapi.Unclear && awsapi.Passing(err):
			found, findErr := a.appears(ctx, find)
			switch {
			case found || findErr != nil:
				return false, findErr
			case class == awsapi.Exists:
				return false, hint.With(err, "it is not the cloud's: its tag %s differs, or it was made for "+
					"something else; delete it, or take another name or network for the cloud", awsapi.TagCloud)
			}
			return true, err
		}
		return passes(err) || slices.Contains(passing, errorCode(err)), err
	})
}

var errNotVisible = errors.New("AWS does not show it")

// appears reports whether find finds something soon.
func (a *applier) appears(ctx context.Context, find func(context.Context) (bool, error)) (found bool, err error) {
	err = a.until(ctx, lostAnswerPolicy, func(ctx context.Context) (bool, error) {
		var err error
		found, err = find(ctx)
		switch {
		case err != nil:
			return awsapi.Passing(err) || awsapi.IsNotFound(err), err
		case !found:
			return true, errNotVisible
		}
		return false, nil
	})
	if errors.Is(err, errNotVisible) {
		return false, nil
	}
	return found, err
}

// noRetry turns off the SDK's retries: this package retries, and looks first.
func noRetry(o *ec2.Options) { o.Retryer = aws.NopRetryer{} }

// remove makes a call that removes something; not finding it is success. It retries while other
// resources that are being deleted still depend on it, and after the given codes.
func (a *applier) remove(ctx context.Context, f func(context.Context) error, passing ...string) error {
	return a.removing(ctx, f, func(context.Context, error) error { return nil }, passing...)
}

// oneCreation makes a step of a call that makes a resource.
func oneCreation(make step, find func(context.Context, *applier) (bool, error)) step {
	return func(ctx context.Context, a *applier) error {
		return a.create(ctx, func(ctx context.Context) error { return make(ctx, a) },
			func(ctx context.Context) (bool, error) { return find(ctx, a) })
	}
}

// oneRemoval makes a step of a call that removes something.
func oneRemoval(f step, passing ...string) step {
	return func(ctx context.Context, a *applier) error {
		return a.remove(ctx, func(ctx context.Context) error { return f(ctx, a) }, passing...)
	}
}

// delete is remove for the resource with that ID, but it ends as soon as it sees that others use
// the resource.
func (a *applier) delete(ctx context.Context, id string, f func(context.Context) error) error {
	refusals := 0
	return a.removing(ctx, f, func(ctx context.Context, refusal error) error {
		// Looking takes many calls, and dependent resources need some tries to disappear.
		if refusals++; refusals%4 != 1 {
			return nil
		}
		return a.blocks(ctx, id, refusal)
	})
}

func (a *applier) removing(
	ctx context.Context,
	f func(context.Context) error,
	busy func(context.Context, error) error, // an error ends the retries
	passing ...string,
) error {
	return a.until(ctx, consistencyPolicy, func(ctx context.Context) (bool, error) {
		err := f(ctx)
		switch {
		case awsapi.IsNotFound(err), errorCode(err) == "Gateway.NotAttached":
			return false, nil
		case awsapi.ClassOf(err) == awsapi.Busy:
			if end := busy(ctx, err); end != nil {
				return false, end
			}
			return true, err
		}
		return awsapi.Passing(err) || slices.Contains(passing, errorCode(err)), err
	})
}

// errorCode returns AWS's code, or the empty string for other errors.
func errorCode(err error) string { return awsapi.Code(err) }

// token is a ClientToken.
func token(what ...string) *string { return aws.String(awsapi.Token(what...)) }

// SPDX-License-Identifier: Apache-2.0

package registrar

import (
	"context"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	awsapi "macaw.example/internal/aws"
)

// bucket is a token bucket of AWS: burst calls at once, then perSecond.
type bucket struct{ burst, perSecond float64 }

// published returns the bucket that an account has in a region for an action (EC2
// Developer Guide, ec2-api-throttling).
func published(action string) bucket {
	switch {
	case strings.HasPrefix(action, "Describe"):
		return bucket{100, 20} // with a filter
	case strings.HasPrefix(action, "Assign"), strings.HasPrefix(action, "Unassign"), action == "CreateNetworkInterface":
		return bucket{100, 5}
	}
	return bucket{50, 5}
}

// share is the part of a bucket that this process uses: the account has other clients.
const share = 0.9

// limiter keeps calls below AWS's buckets, with a limiter for each action. If AWS
// throttles a call nevertheless, because others draw from the bucket too, the action's
// limiter is drained.
type limiter struct {
	mu       sync.Mutex
	byAction map[string]*rate.Limiter
}

func newLimiter() *limiter { return &limiter{byAction: map[string]*rate.Limiter{}} }

// of returns an action's limiter. The caller holds the lock.
func (l *limiter) of(action string) *rate.Limiter {
	limit, ok := l.byAction[action]
	if !ok {
		b := published(action)
		limit = rate.NewLimiter(rate.Limit(b.perSecond*share), int(b.burst*share))
		l.byAction[action] = limit
	}
	return limit
}

// reserve takes a token and returns how long the caller has to wait for it. It takes
// none, and returns errTurn, if that would be after the deadline; the zero deadline is
// none.
func (l *limiter) reserve(action string, deadline time.Time) (time.Duration, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	r := l.of(action).ReserveN(now, 1)
	delay := r.DelayFrom(now)
	if !deadline.IsZero() && now.Add(delay).After(deadline) {
		r.CancelAt(now)
		return 0, errDeadline
	}
	return delay, nil
}

// wait takes a token and waits until it may be used, see reserve.
func (l *limiter) wait(ctx context.Context, action string, deadline time.Time) error {
	delay, err := l.reserve(action, deadline)
	if err != nil {
		return err
	}
	return sleep(ctx, delay)
}

// drain takes the tokens that are left: those that do not fit into a bucket of size
// zero are lost. What is owed by calls that wait already stays owed.
func (l *limiter) drain(action string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	limit, now := l.of(action), time.Now()
	size := limit.Burst()
	limit.SetBurstAt(now, 0)
	limit.SetBurstAt(now, size)
}

func sleep(ctx context.Context, d time.Duration) error { return awsapi.WallClock{}.Sleep(ctx, d) }

package registrar

import (
	"context"
	"strings"
	"sync"
	"time"

	awsapi "macaw.example/internal/aws"
)

// rate is a token bucket: so many calls at once, so many a second thereafter.
type rate struct{ burst, refill float64 }

// The published buckets of an account in a region (EC2 Developer Guide,
// ec2-api-throttling).
func published(action string) rate {
	switch {
	case strings.HasPrefix(action, "Describe"):
		return rate{100, 20} // with a filter
	case strings.HasPrefix(action, "Assign"), strings.HasPrefix(action, "Unassign"), action == "CreateNetworkInterface":
		return rate{100, 5}
	}
	return rate{50, 5}
}

// share is what this process takes of a bucket: the account has other users.
const share = 0.9

// limiter keeps calls below AWS's buckets. When AWS refuses one nevertheless,
// because others draw from the bucket too, its own is emptied.
type limiter struct {
	mu      sync.Mutex
	buckets map[string]*bucket
}

type bucket struct {
	rate
	tokens float64 // below zero: calls wait for them
	at     time.Time
}

func newLimiter() *limiter { return &limiter{buckets: map[string]*bucket{}} }

// bucket fills a bucket up to now. The caller holds the lock.
func (l *limiter) bucket(action string, now time.Time) *bucket {
	b := l.buckets[action]
	if b == nil {
		r := published(action)
		b = &bucket{rate: rate{r.burst * share, r.refill * share}, tokens: r.burst * share, at: now}
		l.buckets[action] = b
	}
	b.tokens = min(b.burst, b.tokens+now.Sub(b.at).Seconds()*b.refill)
	b.at = now
	return b
}

// wait takes a token, when there is one. It returns errTurn at once if that is
// after the deadline; the zero deadline is none.
func (l *limiter) wait(ctx context.Context, action string, deadline time.Time) error {
	now := time.Now()
	l.mu.Lock()
	b := l.bucket(action, now)
	var pause time.Duration
	if b.tokens < 1 {
		pause = time.Duration((1 - b.tokens) / b.refill * float64(time.Second))
	}
	if !deadline.IsZero() && now.Add(pause).After(deadline) {
		l.mu.Unlock()
		return errTurn
	}
	b.tokens--
	l.mu.Unlock()
	return sleep(ctx, pause)
}

// empty takes all tokens away.
func (l *limiter) empty(action string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.bucket(action, time.Now())
	b.tokens = min(b.tokens, 0)
}

func sleep(ctx context.Context, d time.Duration) error { return awsapi.WallClock{}.Sleep(ctx, d) }

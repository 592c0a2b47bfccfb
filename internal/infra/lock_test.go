package infra

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// keyPairs is an EC2 with key pairs alone: names are unique, IDs never come again.
type keyPairs struct {
	mu   sync.Mutex
	next int
	keys map[string]types.KeyPairInfo // by name
	down error                        // what every call says, if it is set
	lose bool                         // the answer to the next import
}

func newKeyPairs() *keyPairs { return &keyPairs{keys: map[string]types.KeyPairInfo{}} }

func (k *keyPairs) ImportKeyPair(
	_ context.Context,
	in *ec2.ImportKeyPairInput,
	_ ...options,
) (*ec2.ImportKeyPairOutput, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, ok := k.keys[*in.KeyName]; ok {
		return nil, apiError("InvalidKeyPair.Duplicate")
	}
	k.next++
	made := types.KeyPairInfo{
		KeyName:   in.KeyName,
		KeyPairId: aws.String(fmt.Sprintf("key-%d", k.next)),
		Tags:      in.TagSpecifications[0].Tags,
	}
	k.keys[*in.KeyName] = made
	if k.lose {
		k.lose = false
		return nil, apiError("InternalError")
	}
	return &ec2.ImportKeyPairOutput{KeyPairId: made.KeyPairId}, k.down
}

func (k *keyPairs) DescribeKeyPairs(
	_ context.Context,
	in *ec2.DescribeKeyPairsInput,
	_ ...options,
) (*ec2.DescribeKeyPairsOutput, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	out := &ec2.DescribeKeyPairsOutput{}
	if key, ok := k.keys[in.Filters[0].Values[0]]; ok {
		out.KeyPairs = append(out.KeyPairs, key)
	}
	return out, k.down
}

func (k *keyPairs) DeleteKeyPair(
	_ context.Context,
	in *ec2.DeleteKeyPairInput,
	_ ...options,
) (*ec2.DeleteKeyPairOutput, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for name, key := range k.keys {
		if *key.KeyPairId == *in.KeyPairId && k.down == nil {
			delete(k.keys, name)
		}
	}
	return &ec2.DeleteKeyPairOutput{}, k.down
}

func (k *keyPairs) CreateTags(_ context.Context, in *ec2.CreateTagsInput, _ ...options) (*ec2.CreateTagsOutput, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.down != nil {
		return nil, k.down
	}
	for name, key := range k.keys {
		if *key.KeyPairId == in.Resources[0] {
			key.Tags = append([]types.Tag(nil), key.Tags...)
			for i, t := range key.Tags {
				if *t.Key == *in.Tags[0].Key {
					key.Tags[i] = in.Tags[0]
				}
			}
			k.keys[name] = key
			return &ec2.CreateTagsOutput{}, nil
		}
	}
	return nil, apiError("InvalidKeyPair.NotFound")
}

func (k *keyPairs) set(f func(*keyPairs)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f(k)
}

var (
	here  = Owner{Who: "ann@one", Command: "up", Machine: "1"}
	there = Owner{Who: "bob@two", Command: "down", Machine: "2"}
)

func TestLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKeyPairs()
		first, err := Acquire(t.Context(), k, "x", here, nil)
		if err != nil {
			t.Fatal(err)
		}
		// Held for hours, it is still held; another cloud's is another.
		time.Sleep(3 * time.Hour)
		var locked *LockedError
		began := time.Now()
		_, err = Acquire(t.Context(), k, "x", there, nil)
		if !errors.As(err, &locked) || time.Since(began) > time.Second {
			t.Fatalf("a second: %v in %s", err, time.Since(began))
		}
		if !strings.Contains(
			err.Error(),
			"cloud x is being changed by another run: macaw up of ann@one, since 2000-01-01T00:00:00.000000Z",
		) {
			t.Errorf("the second is told: %v", err)
		}
		if !strings.Contains(locked.Hint(), "aws ec2 delete-key-pair --key-pair-id key-1") {
			t.Errorf("and: %s", locked.Hint())
		}
		other, err := Acquire(t.Context(), k, "y", there, nil)
		if err != nil {
			t.Fatal(err)
		}
		other.Release(t.Context())
		first.Release(t.Context())
		first.Release(t.Context())
		k.lose = true
		second, err := Acquire(t.Context(), k, "x", there, nil)
		if err != nil {
			t.Fatalf("after its release, with the answer lost: %v", err)
		}
		if second.Context().Err() != nil || first.Context().Err() != nil {
			t.Error("a context has ended though no lock was lost")
		}
		second.Release(t.Context())
		if len(k.keys) > 0 {
			t.Errorf("left: %v", k.keys)
		}
	})
}

// Who dies leaves the lock: on the same machine it is free at once, for others
// when nothing is said any more.
func TestLockOfTheDead(t *testing.T) {
	die := func(t *testing.T, k *keyPairs, who Owner) {
		l, err := Acquire(t.Context(), k, "x", who, nil)
		if err != nil {
			t.Fatal(err)
		}
		l.stop() // as a killed process
		l.done.Wait()
	}
	synctest.Test(t, func(t *testing.T) {
		k := newKeyPairs()
		die(t, k, here)
		began := time.Now()
		l, err := Acquire(t.Context(), k, "x", here, nil)
		if err != nil || time.Since(began) > time.Second {
			t.Fatalf("on the same machine: %v in %s", err, time.Since(began))
		}
		l.Release(t.Context())

		die(t, k, here)
		var locked *LockedError
		if _, err := Acquire(t.Context(), k, "x", there, nil); !errors.As(err, &locked) {
			t.Errorf("elsewhere, at once: %v", err)
		}
		time.Sleep(staleLock)
		var notices []string
		began = time.Now()
		l, err = Acquire(t.Context(), k, "x", there, func(s string) { notices = append(notices, s) })
		if err != nil || time.Since(began) < observeLock || time.Since(began) > 2*observeLock || len(notices) != 1 {
			t.Fatalf("elsewhere, later: %v in %s, told %q", err, time.Since(began), notices)
		}
		l.Release(t.Context())
	})
}

// A clock that goes wrong by hours makes nobody dead who lives.
func TestLockAndWrongClocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKeyPairs()
		l, err := acquire(t.Context(), k, wrongClock{by: -5 * time.Hour}, "x", here, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Release(t.Context())
		time.Sleep(time.Minute)
		var locked *LockedError
		if _, err := Acquire(t.Context(), k, "x", there, nil); !errors.As(err, &locked) {
			t.Errorf("taken from one who lives: %v", err)
		}
	})
}

// wrongClock is late.
type wrongClock struct {
	wallClock
	by time.Duration
}

func (c wrongClock) Now() time.Time { return time.Now().Add(c.by) }

// Who cannot renew stops before anybody takes over, and who is taken over stops.
func TestLockLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKeyPairs()
		l, err := Acquire(t.Context(), k, "x", here, nil)
		if err != nil {
			t.Fatal(err)
		}
		k.set(func(k *keyPairs) { k.down = apiError("Unavailable") })
		time.Sleep(giveUpLock / 2)
		if l.Context().Err() != nil {
			t.Error("stopped by a short outage")
		}
		time.Sleep(staleLock - giveUpLock/2)
		if !errors.Is(context.Cause(l.Context()), ErrLockLost) {
			t.Errorf("after %s it goes on: %v", staleLock, context.Cause(l.Context()))
		}
		l.Release(t.Context())
		k.set(func(k *keyPairs) { k.down = nil; clear(k.keys) })

		if l, err = Acquire(t.Context(), k, "x", here, nil); err != nil {
			t.Fatal(err)
		}
		k.set(func(k *keyPairs) { clear(k.keys) })
		time.Sleep(giveUpLock)
		if !errors.Is(context.Cause(l.Context()), ErrLockLost) {
			t.Errorf("removed, and it goes on: %v", context.Cause(l.Context()))
		}
		l.Release(t.Context())
	})
}

// A key pair of that name that is somebody else's stays.
func TestLockNameTaken(t *testing.T) {
	k := newKeyPairs()
	k.keys[lockName("x")] = types.KeyPairInfo{KeyName: aws.String(lockName("x")), KeyPairId: aws.String("key-9")}
	if _, err := Acquire(t.Context(), k, "x", here, nil); err == nil || len(k.keys) != 1 {
		t.Errorf("taken over: %v", err)
	}
}

// Two runs at the same moment, from nothing: one makes the cloud, the other is
// told, and finds it made when it is let in.
func TestLabTwoAtOnce(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			l := newLab(t, 4)
			want := labWanted(t, l)
			api := l.EC2.(*ec2.Client)
			var inside, refused, made atomic.Int32
			var runs sync.WaitGroup
			for n := range 3 {
				r := rand.New(rand.NewPCG(seed, uint64(n)))
				who := Owner{Who: fmt.Sprint(n), Command: "up", Machine: fmt.Sprint(n)}
				runs.Go(func() {
					time.Sleep(time.Duration(r.IntN(3)) * time.Millisecond)
					var lock *Lock
					for lock == nil {
						var err error
						var locked *LockedError
						if lock, err = Acquire(ctx, api, "first", who, nil); errors.As(err, &locked) {
							refused.Add(1)
							time.Sleep(time.Duration(1+r.IntN(20)) * time.Millisecond)
						} else if err != nil {
							t.Error(err)
							return
						}
					}
					defer lock.Release(ctx)
					if inside.Add(1) != 1 {
						t.Error("two at once")
					}
					defer inside.Add(-1)
					p, _, err := labUp(lock.Context(), l.Clients, want)
					if err != nil {
						t.Error(err)
					} else if !p.Empty() {
						made.Add(1)
					}
				})
			}
			runs.Wait()
			if made.Load() != 1 || refused.Load() == 0 {
				t.Errorf("%d runs made the cloud, %d were refused", made.Load(), refused.Load())
			}
			if got, want := len(l.everything(t)), labLeft(t, l.Clients, "first"); got != want {
				t.Errorf("AWS has %d resources, of which the cloud's are %d", got, want)
			}
		})
	}
}

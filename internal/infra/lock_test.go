// SPDX-License-Identifier: Apache-2.0

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
)

// keyPairs are all that there are, by name.
func (l *labAccount) keyPairs() map[string]string {
	all := map[string]string{}
	for _, k := range got(l.root.DescribeKeyPairs(ctx, &ec2.DescribeKeyPairsInput{})).KeyPairs {
		all[*k.KeyName] = *k.KeyPairId
	}
	return all
}

// deleteKeyPairs removes them all.
func (l *labAccount) deleteKeyPairs() {
	for _, id := range l.keyPairs() {
		got(l.root.DeleteKeyPair(ctx, &ec2.DeleteKeyPairInput{KeyPairId: &id}))
	}
}

var (
	here  = Owner{Who: "ann@one", Command: "up", Machine: "1"}
	there = Owner{Who: "bob@two", Command: "down", Machine: "2"}
)

func TestLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newLab(t, 1)
		first, err := Acquire(t.Context(), a.EC2, "x", here, nil)
		if err != nil {
			t.Fatal(err)
		}
		// Held for hours, it is still held; another cloud's is another.
		time.Sleep(3 * time.Hour)
		var locked *LockedError
		began := time.Now()
		_, err = Acquire(t.Context(), a.EC2, "x", there, nil)
		if !errors.As(err, &locked) || time.Since(began) > time.Second {
			t.Fatalf("a second: %v in %s", err, time.Since(began))
		}
		if !strings.Contains(
			err.Error(),
			"cloud x is being changed by another run: macaw up of ann@one, since 2000-01-01T00:00:00.000000Z",
		) {
			t.Errorf("the second is told: %v", err)
		}
		if !strings.Contains(locked.Hint(), "aws ec2 delete-key-pair --key-pair-id "+a.keyPairs()[lockName("x")]) {
			t.Errorf("and: %s", locked.Hint())
		}
		other, err := Acquire(t.Context(), a.EC2, "y", there, nil)
		if err != nil {
			t.Fatal(err)
		}
		other.Release(t.Context())
		first.Release(t.Context())
		first.Release(t.Context())
		a.hook(nil, refusing(1, func(op string) error {
			if op != "ImportKeyPair" {
				return nil
			}
			return apiError("InternalError")
		}))
		second, err := Acquire(t.Context(), a.EC2, "x", there, nil)
		if err != nil {
			t.Fatalf("after its release, with the answer lost: %v", err)
		}
		if second.Context().Err() != nil || first.Context().Err() != nil {
			t.Error("a context has ended though no lock was lost")
		}
		second.Release(t.Context())
		if left := a.keyPairs(); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	})
}

// Who dies leaves the lock: on the same machine it is free at once, for others
// when nothing is said any more.
func TestLockOfTheDead(t *testing.T) {
	die := func(t *testing.T, a *labAccount, who Owner) {
		l, err := Acquire(t.Context(), a.EC2, "x", who, nil)
		if err != nil {
			t.Fatal(err)
		}
		l.stop() // as a killed process
		l.done.Wait()
	}
	synctest.Test(t, func(t *testing.T) {
		a := newLab(t, 1)
		die(t, a, here)
		began := time.Now()
		l, err := Acquire(t.Context(), a.EC2, "x", here, nil)
		if err != nil || time.Since(began) > time.Second {
			t.Fatalf("on the same machine: %v in %s", err, time.Since(began))
		}
		l.Release(t.Context())

		die(t, a, here)
		var locked *LockedError
		if _, err := Acquire(t.Context(), a.EC2, "x", there, nil); !errors.As(err, &locked) {
			t.Errorf("elsewhere, at once: %v", err)
		}
		time.Sleep(staleLock)
		var notices []string
		began = time.Now()
		l, err = Acquire(t.Context(), a.EC2, "x", there, func(s string) { notices = append(notices, s) })
		if err != nil || time.Since(began) < observeLock || time.Since(began) > 2*observeLock || len(notices) != 1 {
			t.Fatalf("elsewhere, later: %v in %s, told %q", err, time.Since(began), notices)
		}
		l.Release(t.Context())
	})
}

// A clock that goes wrong by hours makes nobody dead who lives.
func TestLockAndWrongClocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newLab(t, 1)
		l, err := acquire(t.Context(), a.EC2, wrongClock{by: -5 * time.Hour}, "x", here, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Release(t.Context())
		time.Sleep(time.Minute)
		var locked *LockedError
		if _, err := Acquire(t.Context(), a.EC2, "x", there, nil); !errors.As(err, &locked) {
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
		a := newLab(t, 1)
		l, err := Acquire(t.Context(), a.EC2, "x", here, nil)
		if err != nil {
			t.Fatal(err)
		}
		a.hook(func(call) error { return apiError("Unavailable") }, nil)
		time.Sleep(giveUpLock / 2)
		if l.Context().Err() != nil {
			t.Error("stopped by a short outage")
		}
		time.Sleep(staleLock - giveUpLock/2)
		if !errors.Is(context.Cause(l.Context()), ErrLockLost) {
			t.Errorf("after %s it goes on: %v", staleLock, context.Cause(l.Context()))
		}
		l.Release(t.Context())
		a.hook(nil, nil)
		a.deleteKeyPairs()

		if l, err = Acquire(t.Context(), a.EC2, "x", here, nil); err != nil {
			t.Fatal(err)
		}
		a.deleteKeyPairs()
		time.Sleep(giveUpLock)
		if !errors.Is(context.Cause(l.Context()), ErrLockLost) {
			t.Errorf("removed, and it goes on: %v", context.Cause(l.Context()))
		}
		l.Release(t.Context())
	})
}

// A key pair of that name that is somebody else's stays.
func TestLockNameTaken(t *testing.T) {
	a := newLab(t, 1)
	got(a.root.ImportKeyPair(ctx, &ec2.ImportKeyPairInput{
		KeyName: aws.String(lockName("x")), PublicKeyMaterial: []byte(labKey),
	}))
	if _, err := Acquire(t.Context(), a.EC2, "x", here, nil); err == nil || len(a.keyPairs()) != 1 {
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
						lock, err = Acquire(ctx, l.root, "first", who, nil)
						switch {
						case errors.As(err, &locked):
							refused.Add(1)
							time.Sleep(time.Duration(1+r.IntN(20)) * time.Millisecond)
						case err != nil:
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
						return
					}
					if !p.Empty() {
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

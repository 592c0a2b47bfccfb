// SPDX-License-Identifier: Apache-2.0

package runlock

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/smithy-go"

	awsapi "macaw.example/internal/aws"
	"macaw.example/lab/labtest"
)

// account is the account of a local AWS, which can be unreachable and lose a response.
type account struct {
	*ec2.Client
	t    *testing.T
	down atomic.Bool // no call of API takes effect
	lose atomic.Bool // the next import of a key pair takes effect, and its response is lost
}

func newAccount(t *testing.T) *account {
	api := labtest.NewAPI(t, labtest.APIOptions{Region: "eu-central-1"})
	return &account{Client: ec2.NewFromConfig(api.Config()), t: t}
}

func (a *account) reached() error {
	if a.down.Load() {
		return &smithy.GenericAPIError{Code: "Unavailable", Message: "out of reach"}
	}
	return nil
}

func (a *account) ImportKeyPair(
	ctx context.Context, in *ec2.ImportKeyPairInput, options ...func(*ec2.Options),
) (*ec2.ImportKeyPairOutput, error) {
	if err := a.reached(); err != nil {
		return nil, err
	}
	out, err := a.Client.ImportKeyPair(ctx, in, options...)
	if a.lose.CompareAndSwap(true, false) {
		return nil, &smithy.GenericAPIError{Code: "InternalError", Message: "the answer is lost"}
	}
	return out, err
}

func (a *account) CreateTags(
	ctx context.Context, in *ec2.CreateTagsInput, options ...func(*ec2.Options),
) (*ec2.CreateTagsOutput, error) {
	if err := a.reached(); err != nil {
		return nil, err
	}
	return a.Client.CreateTags(ctx, in, options...)
}

// keyPairs returns all key pairs, by name.
func (a *account) keyPairs() map[string]string {
	out, err := a.DescribeKeyPairs(context.Background(), &ec2.DescribeKeyPairsInput{})
	if err != nil {
		a.t.Fatal(err)
	}
	all := map[string]string{}
	for _, k := range out.KeyPairs {
		all[*k.KeyName] = *k.KeyPairId
	}
	return all
}

// deleteKeyPairs removes them all.
func (a *account) deleteKeyPairs() {
	for _, id := range a.keyPairs() {
		if _, err := a.DeleteKeyPair(context.Background(), &ec2.DeleteKeyPairInput{KeyPairId: &id}); err != nil {
			a.t.Fatal(err)
		}
	}
}

var (
	here  = Owner{Who: "ann@one", Command: "up", Machine: "1"}
	there = Owner{Who: "bob@two", Command: "down", Machine: "2"}
)

func TestLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(t)
		first, err := Acquire(t.Context(), a, "x", here, nil)
		if err != nil {
			t.Fatal(err)
		}
		// After hours, the lock is still held; another cloud's lock is independent.
		time.Sleep(3 * time.Hour)
		var locked *LockedError
		began := time.Now()
		_, err = Acquire(t.Context(), a, "x", there, nil)
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
		other, err := Acquire(t.Context(), a, "y", there, nil)
		if err != nil {
			t.Fatal(err)
		}
		other.Release(t.Context())
		first.Release(t.Context())
		first.Release(t.Context())
		a.lose.Store(true)
		second, err := Acquire(t.Context(), a, "x", there, nil)
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

// A killed run's lock is free at once for runs on the same machine, and for others after a time
// without renewal.
func TestLockOfTheDead(t *testing.T) {
	die := func(t *testing.T, a *account, who Owner) {
		l, err := Acquire(t.Context(), a, "x", who, nil)
		if err != nil {
			t.Fatal(err)
		}
		l.stop() // like a killed process
		l.done.Wait()
	}
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(t)
		die(t, a, here)
		began := time.Now()
		l, err := Acquire(t.Context(), a, "x", here, nil)
		if err != nil || time.Since(began) > time.Second {
			t.Fatalf("on the same machine: %v in %s", err, time.Since(began))
		}
		l.Release(t.Context())

		die(t, a, here)
		var locked *LockedError
		if _, err := Acquire(t.Context(), a, "x", there, nil); !errors.As(err, &locked) {
			t.Errorf("elsewhere, at once: %v", err)
		}
		time.Sleep(staleLock)
		var notices []string
		began = time.Now()
		l, err = Acquire(t.Context(), a, "x", there, func(s string) { notices = append(notices, s) })
		if err != nil || time.Since(began) < observeLock || time.Since(began) > 2*observeLock || len(notices) != 1 {
			t.Fatalf("elsewhere, later: %v in %s, told %q", err, time.Since(began), notices)
		}
		l.Release(t.Context())
	})
}

// A clock that is wrong by hours makes no live run look dead.
func TestLockAndWrongClocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(t)
		l, err := acquire(t.Context(), a, wrongClock{by: -5 * time.Hour}, "x", here, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Release(t.Context())
		time.Sleep(time.Minute)
		var locked *LockedError
		if _, err := Acquire(t.Context(), a, "x", there, nil); !errors.As(err, &locked) {
			t.Errorf("taken from one who lives: %v", err)
		}
	})
}

// wrongClock is a clock that is late.
type wrongClock struct {
	awsapi.WallClock
	by time.Duration
}

func (c wrongClock) Now() time.Time { return time.Now().Add(c.by) }

// A run that cannot renew its lock stops before another takes over, and one that was taken over
// stops.
func TestLockLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(t)
		l, err := Acquire(t.Context(), a, "x", here, nil)
		if err != nil {
			t.Fatal(err)
		}
		a.down.Store(true)
		time.Sleep(giveUpLock / 2)
		if l.Context().Err() != nil {
			t.Error("stopped by a short outage")
		}
		time.Sleep(staleLock - giveUpLock/2)
		if !errors.Is(context.Cause(l.Context()), ErrLost) {
			t.Errorf("after %s it goes on: %v", staleLock, context.Cause(l.Context()))
		}
		l.Release(t.Context())
		a.down.Store(false)
		a.deleteKeyPairs()

		if l, err = Acquire(t.Context(), a, "x", here, nil); err != nil {
			t.Fatal(err)
		}
		a.deleteKeyPairs()
		time.Sleep(giveUpLock)
		if !errors.Is(context.Cause(l.Context()), ErrLost) {
			t.Errorf("removed, and it goes on: %v", context.Cause(l.Context()))
		}
		l.Release(t.Context())
	})
}

// A key pair of the lock's name that is somebody else's stays.
func TestLockNameTaken(t *testing.T) {
	a := newAccount(t)
	key, err := unusedKey()
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.ImportKeyPair(t.Context(), &ec2.ImportKeyPairInput{
		KeyName: aws.String(lockName("x")), PublicKeyMaterial: []byte(key),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Acquire(t.Context(), a, "x", here, nil); err == nil || len(a.keyPairs()) != 1 {
		t.Errorf("taken over: %v", err)
	}
}

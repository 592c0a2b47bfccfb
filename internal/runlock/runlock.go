// SPDX-License-Identifier: Apache-2.0

// Package runlock lets one run at a time change a cloud, across all machines.
//
// The lock is a key pair that serves no other purpose. Key pair names are unique in a region (EC2
// API Reference, ImportKeyPair), so when several runs create it at once, exactly one succeeds, even
// before anything else of the cloud exists. Key pair IDs are never reused, so removing an abandoned
// lock cannot hit its successor. Tags only record the owner: EC2 cannot compare and swap them.
package runlock

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"golang.org/x/crypto/ssh"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/hint"
)

const (
	// tagLock holds the cloud's name. The lock does not bear [awsapi.TagCloud], because it is not
	// part of the cloud.
	tagLock        = "macaw:lock"
	tagLockRun     = "macaw:lock-run"
	tagLockOwner   = "macaw:lock-owner"
	tagLockMachine = "macaw:lock-machine"
	tagLockCommand = "macaw:lock-command"
	tagLockSince   = "macaw:lock-since"
	tagLockRenewed = "macaw:lock-renewed"
)

// The owner renews the lock periodically and stops if renewing fails for too long. Another run
// treats the lock as abandoned only later than that, and only after it has seen no renewal by its
// own clock: clocks differ between machines.
const (
	renewLock   = 20 * time.Second
	giveUpLock  = 90 * time.Second
	staleLock   = 2 * time.Minute
	observeLock = time.Minute
)

// lockName is the key pair's name. Names of clouds contain no dot, so it collides with none.
func lockName(cloud string) string { return "macaw-" + cloud + ".lock" }

// API is the subset of EC2 that a lock uses.
type API interface {
	ImportKeyPair(context.Context, *ec2.ImportKeyPairInput, ...func(*ec2.Options)) (*ec2.ImportKeyPairOutput, error)
	DescribeKeyPairs(
		context.Context, *ec2.DescribeKeyPairsInput, ...func(*ec2.Options)) (*ec2.DescribeKeyPairsOutput, error)
	DeleteKeyPair(context.Context, *ec2.DeleteKeyPairInput, ...func(*ec2.Options)) (*ec2.DeleteKeyPairOutput, error)
	CreateTags(context.Context, *ec2.CreateTagsInput, ...func(*ec2.Options)) (*ec2.CreateTagsOutput, error)
}

// Owner identifies the run that changes a cloud.
type Owner struct {
	// Who is the user and machine, Command the operation; both are for display.
	Who, Command string
	// Machine identifies the machine. Runs on the same machine do not wait for each other here: a
	// local lock keeps them apart.
	Machine string
}

// LockedError reports that another run is changing the cloud.
type LockedError struct {
	Cloud string
	Owner Owner
	// Since is the start time that the owner recorded, ID the lock's ID.
	Since, ID string
}

// Error names the owner, the command and its start time.
func (e *LockedError) Error() string {
	return fmt.Sprintf("cloud %s is being changed by another run: macaw %s of %s, since %s", e.Cloud, e.Owner.Command,
		e.Owner.Who, e.Since)
}

// Hint suggests what to do.
func (e *LockedError) Hint() string {
	return fmt.Sprintf("wait until it ends; if it died, run this again %s after its death, or remove its lock: "+
		"aws ec2 delete-key-pair --key-pair-id %s", staleLock, e.ID)
}

// ErrLost is the cause when a run stops because it has lost its lock.
var ErrLost = errors.New(
	"lost the lock: another run took over, or AWS was unreachable for too long")

// Lock is a held lock of a cloud.
type Lock struct {
	api   API
	clock awsapi.Clock
	id    string

	ctx    context.Context
	cancel context.CancelCauseFunc
	stop   context.CancelFunc // stops renewal
	once   sync.Once
	done   sync.WaitGroup
}

// Acquire takes the lock of a cloud. If another run holds it, Acquire returns a LockedError, at
// once unless that run looks dead. In that case it watches for a minute and takes over if there is
// no renewal; notice, which may be nil, is called before.
func Acquire(ctx context.Context, api API, cloud string, who Owner, notice func(string)) (*Lock, error) {
	return acquire(ctx, api, awsapi.WallClock{}, cloud, who, notice)
}

func acquire(
	ctx context.Context, api API, clock awsapi.Clock, cloud string, who Owner, notice func(string),
) (*Lock, error) {
	if notice == nil {
		notice = func(string) {}
	}
	run := rand.Text()
	public, err := unusedKey()
	if err != nil {
		return nil, err
	}
	var id string
	policy := awsapi.Policy{
		Backoff: awsapi.Backoff{First: 200 * time.Millisecond, Most: 2 * time.Second},
		Tries:   12,
		Clock:   clock,
	}
	err = policy.Do(ctx, func(ctx context.Context) (again bool, err error) {
		out, err := api.ImportKeyPair(ctx, lockInput(cloud, who, run, public, clock.Now()), noRetry)
		if err == nil {
			id = aws.ToString(out.KeyPairId)
			return false, nil
		}
		if awsapi.ClassOf(err) != awsapi.Exists {
			return awsapi.Passing(err), err
		}
		held, seeErr := heldLock(ctx, api, cloud)
		switch {
		case seeErr != nil:
			return awsapi.Passing(seeErr), seeErr
		case held == nil:
			return true, err // deleted meanwhile, or not visible yet
		case held[tagLock] != cloud:
			return false, hint.With(err,
				"it is not Macaw's, which needs that name while it changes the cloud; delete it if it is of no use")
		case held[tagLockRun] == run:
			id = held[""] // created by a call whose response was lost
			return false, nil
		}
		if err := takeOver(ctx, api, clock, cloud, who, held, notice); err != nil {
			return false, err
		}
		return true, err
	})
	if err != nil {
		return nil, fmt.Errorf("locking cloud %s: %w", cloud, err)
	}
	l := &Lock{api: api, clock: clock, id: id}
	l.ctx, l.cancel = context.WithCancelCause(ctx)
	// Not the run's context: after an interruption, the run cleans up under its lock.
	renewing, stop := context.WithCancel(context.WithoutCancel(ctx))
	l.stop = stop
	l.done.Go(func() { l.renew(renewing) })
	return l, nil
}

func lockInput(cloud string, who Owner, run, public string, now time.Time) *ec2.ImportKeyPairInput {
	var tags []types.Tag
	for k, v := range map[string]string{
		tagLock: cloud, tagLockRun: run, tagLockOwner: who.Who, tagLockMachine: who.Machine,
		tagLockCommand: who.Command, tagLockSince: stamp(now), tagLockRenewed: stamp(now),
	} {
		tags = append(tags, types.Tag{Key: aws.String(k), Value: aws.String(v)})
	}
	return &ec2.ImportKeyPairInput{KeyName: aws.String(lockName(cloud)), PublicKeyMaterial: []byte(public),
		TagSpecifications: []types.TagSpecification{{ResourceType: types.ResourceTypeKeyPair, Tags: tags}}}
}

// stamp formats a time for display and comparison. It includes the fraction, so that no two stamps
// are equal.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }

// unusedKey generates a public key, which ImportKeyPair requires, and discards the private key.
func unusedKey() (string, error) {
	public, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		return "", err
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))), nil
}

// heldLock returns the tags of the lock, with its ID under the empty key, or nil if AWS shows none.
func heldLock(ctx context.Context, api API, cloud string) (map[string]string, error) {
	out, err := api.DescribeKeyPairs(ctx,
		&ec2.DescribeKeyPairsInput{Filters: []types.Filter{awsapi.Filter("key-name", lockName(cloud))}})
	if err != nil || len(out.KeyPairs) == 0 {
		return nil, err
	}
	held := map[string]string{"": aws.ToString(out.KeyPairs[0].KeyPairId)}
	for _, t := range out.KeyPairs[0].Tags {
		held[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return held, nil
}

// takeOver removes the lock of a dead run, and returns a LockedError if the run is alive.
func takeOver(
	ctx context.Context, api API, clock awsapi.Clock, cloud string, who Owner, held map[string]string, notice func(string),
) error {
	locked := &LockedError{Cloud: cloud, Since: held[tagLockSince], ID: held[""],
		Owner: Owner{Who: held[tagLockOwner], Command: held[tagLockCommand], Machine: held[tagLockMachine]}}
	if who.Machine == "" || held[tagLockMachine] != who.Machine {
		renewed, err := time.Parse(time.RFC3339Nano, held[tagLockRenewed])
		if err == nil && clock.Now().Sub(renewed) < staleLock {
			return locked
		}
		notice(fmt.Sprintf("macaw %s of %s seems to be dead since %s; watching it for %s before taking over",
			locked.Owner.Command, locked.Owner.Who, held[tagLockRenewed], observeLock))
		if err := clock.Sleep(ctx, observeLock); err != nil {
			return err
		}
		switch now, err := heldLock(ctx, api, cloud); {
		case err != nil:
			return err
		case now == nil:
			return nil
		case now[""] != held[""] || now[tagLockRenewed] != held[tagLockRenewed]:
			return locked
		}
	}
	if _, err := api.DeleteKeyPair(ctx, &ec2.DeleteKeyPairInput{KeyPairId: aws.String(held[""])}); err != nil &&
		awsapi.ClassOf(err) != awsapi.NotFound {
		return err
	}
	return nil
}

// Context ends with the context passed to Acquire, or when the lock is lost: then its cause is
// ErrLost.
func (l *Lock) Context() context.Context { return l.ctx }

// renew renews the lock periodically until ctx ends.
func (l *Lock) renew(ctx context.Context) {
	last := l.clock.Now()
	for l.clock.Sleep(ctx, renewLock) == nil {
		now := l.clock.Now()
		short, cancel := context.WithTimeout(ctx, renewLock)
		_, err := l.api.CreateTags(short, &ec2.CreateTagsInput{Resources: []string{l.id},
			Tags: []types.Tag{{Key: aws.String(tagLockRenewed), Value: aws.String(stamp(now))}}})
		cancel()
		silent := l.clock.Now().Sub(last)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			last = now
		case awsapi.ClassOf(err) == awsapi.NotFound && silent > 2*renewLock, silent > giveUpLock:
			l.cancel(fmt.Errorf("%w (%w)", ErrLost, err))
			return
		}
	}
}

// Release releases the lock. It may be called again. It does not end the lock's context, which may
// still be in use. If Release fails, the lock expires as abandoned.
func (l *Lock) Release(ctx context.Context) {
	l.once.Do(func() {
		l.stop()
		l.done.Wait()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		_, _ = l.api.DeleteKeyPair(ctx, &ec2.DeleteKeyPairInput{KeyPairId: aws.String(l.id)})
	})
}

// noRetry turns off the SDK's retries: Acquire retries, and looks first.
func noRetry(o *ec2.Options) { o.Retryer = aws.NopRetryer{} }

// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"fmt"
	"time"
)

var (
	// ErrHostKey reports that a machine's host key is not the stored one.
	ErrHostKey = errors.New("host key has changed")
	// ErrKeyRefused reports that sshd responds and refuses the key.
	ErrKeyRefused = errors.New("it refuses the key")
	// ErrNoRoute reports that this machine has no way to the other one.
	ErrNoRoute = errors.New("this machine has no way to it over IPv4")
	// ErrLost reports that a job ended without a result: it was killed.
	ErrLost = errors.New("job ended without a result")

	errBrokenOff  = errors.New("the other side broke it off")
	errNoAnswer   = errors.New("no answer")
	errNotStarted = errors.New("sshd is there, but does not start the command")
)

// UnreachableError reports that no SSH connection to a machine can be made.
type UnreachableError struct {
	Address string
	// For is how long it was tried; zero after a single attempt.
	For    time.Duration
	Reason error
	// Advice is Config's.
	Advice func(error) string
}

func (e *UnreachableError) Error() string {
	if e.For == 0 {
		return fmt.Sprintf("no SSH to %s: %v", e.Address, e.Reason)
	}
	return fmt.Sprintf("no SSH to %s in %s: %v", e.Address, round(e.For), e.Reason)
}

func (e *UnreachableError) Unwrap() error { return e.Reason }

// Hint suggests what to check.
func (e *UnreachableError) Hint() string { return advice(e.Advice, e) }

// LostError reports that an SSH connection broke while in use.
type LostError struct {
	Address string
	Reason  error
	Advice  func(error) string
}

func (e *LostError) Error() string {
	return fmt.Sprintf("the SSH connection to %s is lost: %v", e.Address, e.Reason)
}

func (e *LostError) Unwrap() error { return e.Reason }

// Hint suggests what to check.
func (e *LostError) Hint() string { return advice(e.Advice, e) }

func advice(of func(error) string, err error) string {
	if of == nil {
		return ""
	}
	return of(err)
}

// round rounds a duration for display.
func round(d time.Duration) time.Duration {
	if d > 10*time.Second {
		return d.Round(time.Second)
	}
	return d.Round(10 * time.Millisecond)
}

// slowError is a command that exceeded its time limit.
type slowError struct {
	address string
	limit   time.Duration
}

func (e *slowError) Error() string {
	return fmt.Sprintf("no result from %s in %s: it is there, but slow or stuck", e.address, e.limit)
}

func (*slowError) Is(err error) bool { return err == context.DeadlineExceeded }

// ExitError is a command that ran and failed.
type ExitError struct {
	Status int
	Stderr string // its end
}

func (e *ExitError) Error() string {
	msg := fmt.Sprintf("exit status %d", e.Status)
	if e.Stderr != "" {
		msg += ": " + e.Stderr
	}
	return msg
}

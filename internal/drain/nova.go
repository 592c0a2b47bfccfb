// SPDX-License-Identifier: Apache-2.0

package drain

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Nova is what the package calls. [Open] returns a cloud's; package draintest has a fake.
type Nova interface {
	// Services returns the cloud's nova-computes.
	Services(context.Context) ([]Service, error)
	// Disable keeps new guests from a node, Enable permits them again.
	Disable(ctx context.Context, id, reason string) error
	Enable(ctx context.Context, id string) error
	// ForceDown makes Nova treat a service as down, whatever it reports, or ends that.
	ForceDown(ctx context.Context, id string, down bool) error
	// Guests returns the guests on a host, and those that have left a disk there, because nobody has
	// confirmed their migration or resize.
	Guests(ctx context.Context, host string) ([]Guest, error)
	// Guest returns one, or [ErrNoGuest].
	Guest(ctx context.Context, id string) (Guest, error)
	// Act asks for an action on a guest. Nova carries it out afterwards.
	Act(ctx context.Context, id string, how How) error
	// Leaving returns the IDs of guests whose migrations from or to a host are under way. A live migration is so for
	// a while after the guest is on its destination: the source still removes what it has of it.
	Leaving(ctx context.Context, host string) ([]string, error)
	// Remaining says what a live migration has still to copy; nil if it does not copy.
	Remaining(ctx context.Context, id string) (*Remaining, error)
	// Failure says why the last action on a guest failed; empty if Nova does not know.
	Failure(ctx context.Context, id string) (string, error)
}

// ErrNoGuest means that a guest has been deleted.
var ErrNoGuest = errors.New("there is no such guest")

// RefusedError is Nova's refusal of a request, which it would refuse again.
type RefusedError struct {
	Message string
	Status  int // of HTTP
}

func (e *RefusedError) Error() string { return fmt.Sprintf("%s (HTTP %d)", e.Message, e.Status) }

// Service is the nova-compute of a node.
type Service struct {
	ID, Host string
	// Up means that it has reported to Nova lately, and is not forced down.
	Up         bool
	ForcedDown bool
	Enabled    bool
	Reason     string // why it is not enabled
	// Changed is when Nova's record of it last changed, as it does with each of its reports.
	Changed time.Time
}

// Guest is a server of Nova's.
type Guest struct {
	ID, Name, Project, Flavor string
	Host                      string // empty if it is on none
	Status                    string // ACTIVE, SHUTOFF, …
	State                     string // Nova's vm_state, which a task under way does not hide as it does in Status
	Task                      string // under way; empty if there is none
	// Unconfirmed is the migration that waits for a confirmation, if Status is VERIFY_RESIZE; its zero value
	// means that Nova is about to end that.
	Unconfirmed Unconfirmed
	// Evacuating means that the task under way is an evacuation.
	Evacuating bool
}

// Unconfirmed is a migration that has ended, and has left the guest's disk on its source until somebody
// confirms or reverts it.
type Unconfirmed struct {
	From   string // host
	Resize bool   // to another flavor, which is its owner's decision
}

// Remaining is what a live migration has still to copy, in bytes.
type Remaining struct{ Memory, Disk int64 }

// How is the way in which a guest leaves a node.
type How string

// The ways, which are actions of Nova's API.
const (
	Live    How = "live migration"
	Cold    How = "cold migration" // a guest that runs is shut down, and starts again
	Confirm How = "confirmation of its migration"
	Offload How = "offloading to its image" // of a guest that is shelved
	Revive  How = "evacuation"
	Stop    How = "shutdown"
	Hurry   How = "forced completion of its live migration" // which pauses the guest until it is done
)

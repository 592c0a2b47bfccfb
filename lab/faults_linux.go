// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"

	"macaw.example/lab/internal/daemon"
	"macaw.example/lab/internal/faults"
)

// Fault is a way in which the lab misbehaves as AWS does. "macaw-lab fault set --help"
// describes each.
type Fault = faults.Fault

// FaultDuration is the type of times in a Fault.
type FaultDuration = faults.Duration

// The names of faults.
const (
	Throttle = faults.Throttle // calls beyond AWS's token buckets are refused
	Error    = faults.Error    // calls fail with a code
	Timeout  = faults.Timeout  // calls get no answer
	Latency  = faults.Latency  // answers are delayed
	Lag      = faults.Lag      // Describe calls show an older state
	IMDSLag  = faults.IMDSLag  // instance metadata shows an older state
	Late     = faults.Late     // the network applies changes late
	PowerOff = faults.PowerOff // an instance loses power
	NICDown  = faults.NICDown  // a network interface passes nothing
	// A network interface drops what exceeds a number of packets per second.
	PPSAllowance = faults.PPSAllowance
	ZoneDown     = faults.ZoneDown // an availability zone loses power
	// A Spot Instance gets a rebalance recommendation, or an interruption notice, and ends two minutes later.
	SpotRebalance    = faults.SpotRebalance
	SpotInterruption = faults.SpotInterruption
)

// When an Error or a Timeout strikes a call.
const (
	Before = faults.Before // the call has no effect
	After  = faults.After  // the call takes effect
	Either = faults.Either // one or the other, at random
)

// Faults returns the faults that are on in the running lab.
func (l *Lab) Faults(ctx context.Context) ([]Fault, error) {
	p, err := daemon.ReadFaults(ctx)
	return p.Faults, err
}

// SetFault turns a fault on. It replaces one of the same name, target and action.
func (l *Lab) SetFault(ctx context.Context, f Fault) error {
	_, err := daemon.SetFault(ctx, f)
	return err
}

// ClearFaults turns all faults off.
func (l *Lab) ClearFaults(ctx context.Context) error {
	_, err := daemon.ClearFaults(ctx, "", "")
	return err
}

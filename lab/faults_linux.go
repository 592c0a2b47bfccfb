// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"

	"macaw.example/lab/internal/daemon"
	"macaw.example/lab/internal/faults"
)

// Fault is something that the lab does wrong, as AWS does: "macaw-lab fault set
// --help" describes each.
type Fault = faults.Fault

// FaultDuration is a time in a Fault.
type FaultDuration = faults.Duration

// The names of faults.
const (
	Throttle = faults.Throttle // calls beyond AWS's token buckets are refused
	Error    = faults.Error    // calls fail with a code
	Timeout  = faults.Timeout  // calls are not answered
	Latency  = faults.Latency  // answers are late
	Lag      = faults.Lag      // Describe calls show an older state
	IMDSLag  = faults.IMDSLag  // instance metadata shows an older state
	Late     = faults.Late     // the network follows late
	PowerOff = faults.PowerOff // an instance loses its power
	NICDown  = faults.NICDown  // a network interface passes nothing
	ZoneDown = faults.ZoneDown // a zone loses its power
)

// When an Error or a Timeout befalls a call.
const (
	Before = faults.Before // it has no effect
	After  = faults.After  // it has its effect
	Either = faults.Either // one or the other
)

// Faults are those that are on in the running lab.
func (l *Lab) Faults(ctx context.Context) ([]Fault, error) {
	p, err := daemon.ReadFaults(ctx)
	return p.Faults, err
}

// SetFault turns a fault on, instead of one of the same name, target and action.
func (l *Lab) SetFault(ctx context.Context, f Fault) error {
	_, err := daemon.SetFault(ctx, f)
	return err
}

// ClearFaults turns all faults off.
func (l *Lab) ClearFaults(ctx context.Context) error {
	_, err := daemon.ClearFaults(ctx, "", "")
	return err
}

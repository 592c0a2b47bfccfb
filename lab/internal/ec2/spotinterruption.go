// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"context"
	"fmt"
	"time"

	"macaw.example/lab/internal/imds"
)

// SpotNotice is what AWS tells a Spot Instance.
type SpotNotice int

const (
	// SpotRebalance is a rebalance recommendation: the risk of an interruption is higher (EC2 User Guide,
	// rebalance-recommendations).
	SpotRebalance SpotNotice = iota
	// SpotInterruption is an interruption notice: the instance ends in two minutes (EC2 User Guide,
	// spot-instance-termination-notices). A rebalance recommendation comes with it, as the same page of
	// recommendations says that it can, and as AWS FIS does (FIS User Guide, fis-actions-reference,
	// aws:ec2:send-spot-instance-interruptions).
	SpotInterruption
)

// interruptionWarning is the time from the notice to the end.
const interruptionWarning = 2 * time.Minute

// reasonSpot is why an interrupted instance is terminated (EC2 API Reference, StateReason; the message is reported
// by users).
var reasonSpot = reasonXML{"Server.SpotInstanceTermination",
	"Server.SpotInstanceTermination: Spot instance termination"}

// spotNotices are the notices that an instance has received; zero: none.
type spotNotices struct {
	Rebalance time.Time // when the recommendation was made
	Interrupt time.Time // when the instance will be terminated
}

// NotifySpot gives a notice to a Spot Instance, or takes it back, which AWS does not. A notice that is there already
// stays as it is.
func (s *State) NotifySpot(instanceID string, n SpotNotice, on bool) error {
	return s.update(nil, func(t *tx) error {
		i := t.Instances[instanceID]
		switch {
		case i == nil:
			return fmt.Errorf("there is no instance %s", instanceID)
		case on && !i.Spot:
			return fmt.Errorf("instance %s is not a Spot Instance", instanceID)
		case on && i.State != stateRunning:
			return fmt.Errorf("instance %s is %s", instanceID, i.State)
		}
		before := i.Notices
		switch {
		case !on && n == SpotInterruption:
			i.Notices.Interrupt = time.Time{}
		case !on:
			i.Notices.Rebalance = time.Time{}
		case n == SpotInterruption && before.Interrupt.IsZero():
			i.Notices.Interrupt = t.now.Add(interruptionWarning).Truncate(time.Second)
			fallthrough
		case before.Rebalance.IsZero():
			setDefault(&i.Notices.Rebalance, t.now.Truncate(time.Second))
		}
		if i.Notices == before {
			return errDiscard
		}
		return nil
	})
}

// awaitInterruptions waits, in the background, for the end of instances that have an interruption notice.
func (s *State) awaitInterruptions(t *tx) {
	for id, i := range t.Instances {
		at := i.Notices.Interrupt
		if at.IsZero() || i.State != stateRunning && i.State != statePending {
			continue
		}
		s.work.run(s.ctx, "interruption of "+id, at.String(), func(ctx context.Context) {
			if pause(ctx, at.Sub(s.cfg.Now())); ctx.Err() == nil {
				s.note("the interruption of "+id, func(t *tx) error { return t.interrupt(id) })
			}
		})
	}
}

// interrupt terminates an instance whose time is up.
func (t *tx) interrupt(id string) error {
	i := t.Instances[id]
	if i == nil || i.Notices.Interrupt.IsZero() || t.now.Before(i.Notices.Interrupt) ||
		i.State != stateRunning && i.State != statePending {
		return errDiscard
	}
	i.State, i.Reason = stateShuttingDown, reasonSpot
	return nil
}

// spotMetadata is what the metadata service shows of an instance's notices. There is none once its user has
// terminated it (EC2 User Guide, spot-instance-termination-notices).
func (i *instanceRecord) spotMetadata() imds.Spot {
	if i.Reason == reasonUser {
		return imds.Spot{Spot: i.Spot}
	}
	return imds.Spot{Spot: i.Spot, Rebalance: i.Notices.Rebalance, Terminate: i.Notices.Interrupt}
}

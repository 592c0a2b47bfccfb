// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"time"

	"macaw.example/lab/internal/instancetypes"
)

const (
	// retryAfter is the pause before a failed call to a machine is repeated, for
	// transitions that must not be abandoned.
	retryAfter = 2 * time.Second
	// rememberTerminated is how long terminated instances are shown (EC2 User
	// Guide, terminating-instances: "a short while, usually an hour").
	rememberTerminated = time.Hour
)

// settle starts work on everything in transition. It is called under the write lock
// after every change and derives the work from the state alone, so transitions begun by
// an earlier run continue like new ones.
func (s *State) settle() {
	t := s.view()
	for id, i := range t.Instances {
		if goal := t.goal(i); goal != "" {
			s.work.run(s.ctx, id, goal, func(ctx context.Context) { s.moveInstance(ctx, id) })
		}
	}
	s.awaitInterruptions(t)
	for id, n := range t.NATGateways {
		if n.State == natPending || n.State == natDeleting {
			s.work.run(s.ctx, id, n.State, func(ctx context.Context) { s.moveNATGateway(ctx, id) })
		}
	}
	for id, image := range t.Images {
		switch {
		case image.State == imagePending:
			s.work.run(s.ctx, id, imagePending, func(ctx context.Context) { s.makeImage(ctx, id) })
		case image.State == imageDeregistered && !t.imageInUse(id):
			s.work.run(s.ctx, id, imageDeregistered, func(ctx context.Context) { s.removeImage(ctx, id) })
		}
	}
}

// goal returns what the instance's machine has to do, or "" for nothing.
func (t *tx) goal(i *instanceRecord) string {
	switch i.State {
	case statePending, stateStopping, stateShuttingDown:
		return i.State
	case stateRunning:
		if i.Reboot {
			return "reboot"
		}
		for _, e := range t.enisOf(i.ID) {
			if e.Attachment.Status != attached {
				return "plug"
			}
		}
	}
	return ""
}

// moveInstance makes the machine do what its instance's state requires, and records the
// outcome unless the state has changed meanwhile.
func (s *State) moveInstance(ctx context.Context, id string) {
	t := s.view()
	i := t.Instances[id]
	if i == nil {
		return
	}
	seen, goal, spec := t, t.goal(i), t.spec(i)
	var err error
	switch goal {
	case "":
		return
	case statePending:
		err = t.unlaunchable()
		switch {
		case i.Made:
			err = s.cfg.Machines.Start(ctx, spec)
		case err == nil:
			err = s.cfg.Machines.Launch(ctx, spec)
		}
	case stateStopping:
		err = s.cfg.Machines.Stop(ctx, id)
	case stateShuttingDown:
		err = s.cfg.Machines.Terminate(ctx, id)
	case "reboot":
		err = s.cfg.Machines.Reboot(ctx, id)
	case "plug":
		err = s.plug(ctx, t, i)
	}
	if ctx.Err() != nil {
		return // superseded, or the lab is closing
	}
	if err != nil {
		s.cfg.Log.Error("moving an instance", "instance", id, "goal", goal, "err", err)
		if goal == stateStopping || goal == stateShuttingDown {
			pause(ctx, retryAfter)
			s.work.again(id)
			return
		}
	}
	s.note(fmt.Sprintf("the end of %s of %s", goal, id), func(t *tx) error {
		if i := t.Instances[id]; i != nil && t.goal(i) == goal {
			t.arrive(i, goal, seen, err)
			return nil
		}
		return errDiscard
	})
}

// arrive records that an instance's machine has reached, or failed to reach, the goal
// derived from the state seen.
func (t *tx) arrive(i *instanceRecord, goal string, seen *tx, err error) {
	switch {
	case goal == statePending && err == nil:
		i.State, i.Made = stateRunning, true
	case goal == statePending && i.Made:
		i.State, i.Reason = stateStopped, reasonLaunchFail
		t.unmapPublic(i)
	case goal == statePending:
		i.State, i.Reason = stateShuttingDown, reasonLaunchFail
		switch {
		case errors.Is(err, errForbiddenKey):
			i.Reason = reasonKey
		case errors.Is(err, errDisabledKey):
			i.Reason = reasonDisabled
		}
	case goal == stateStopping:
		i.State = stateStopped
		t.unmapPublic(i)
	case goal == stateShuttingDown:
		t.terminated(i)
	case goal == "reboot":
		i.Reboot = false
	case goal == "plug":
		t.plugged(i, seen, err)
	}
}

// terminated detaches the instance's interfaces and deletes those made with it.
func (t *tx) terminated(i *instanceRecord) {
	i.State, i.Ended, i.UserData, i.Profile = stateTerminated, t.now, nil, profileRecord{}
	t.unmapPublic(i)
	for _, v := range t.volumesOf(i.ID) {
		if v.Instance = ""; v.DeleteOnTermination {
			delete(t.Volumes, v.ID)
		}
	}
	for _, e := range t.enisOf(i.ID) {
		if e.Attachment.DeleteOnTermination {
			t.deleteENI(e)
		} else {
			e.Attachment, e.MapPublic = nil, false
		}
	}
}

// plug makes a running machine's devices follow its attachments.
func (s *State) plug(ctx context.Context, t *tx, i *instanceRecord) error {
	hotPlug := s.cfg.Machines.(HotPlug) // without it, no attachment changes on a running instance
	for _, e := range t.enisOf(i.ID) {
		var err error
		switch e.Attachment.Status {
		case attaching:
			err = hotPlug.AttachNIC(ctx, i.ID, e.nic())
		case detaching:
			err = hotPlug.DetachNIC(ctx, i.ID, e.nic())
		}
		if err != nil {
			return fmt.Errorf("plugging %s: %w", e.ID, err)
		}
	}
	return nil
}

// plugged completes the attachments that plug saw. After a failure, new attachments are
// undone; detachments complete anyway: the fabric enforces them.
func (t *tx) plugged(i *instanceRecord, seen *tx, err error) {
	for _, e := range t.enisOf(i.ID) {
		before := seen.ENIs[e.ID]
		if before == nil || before.Attachment == nil || *before.Attachment != *e.Attachment {
			continue
		}
		switch {
		case e.Attachment.Status == detaching, e.Attachment.Status == attaching && err != nil:
			e.Attachment = nil
		case e.Attachment.Status == attaching:
			e.Attachment.Status = attached
		}
	}
}

// note records an outcome. If writing to disk fails, the next run repeats the work.
func (s *State) note(what string, change func(*tx) error) {
	if err := s.update(nil, change); err != nil {
		s.cfg.Log.Error("noting "+what, "err", err)
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// purge deletes records that EC2 no longer shows.
func (t *tx) purge() {
	maps.DeleteFunc(t.Instances, func(_ string, i *instanceRecord) bool {
		return i.State == stateTerminated && t.now.Sub(i.Ended) > rememberTerminated
	})
	maps.DeleteFunc(t.NATGateways, func(_ string, n *natGatewayRecord) bool {
		return (n.State == natFailed || n.State == natDeleted) && t.now.Sub(n.Ended) > rememberNAT
	})
	maps.DeleteFunc(t.Tokens, func(_ string, r tokenRecord) bool { return t.now.Sub(r.At) > tokenLifetime })
}

// firstSlot is the PCI slot of the first interface of a Nitro instance: systemd names it ens5,
// the next one ens6 (EC2 User Guide, "Elastic network interfaces", shows ens5; names of
// cards other than the first are the lab's own).
const firstSlot = 5

func (e *eniRecord) nic() NIC {
	device := "ens" + strconv.Itoa(firstSlot+e.Attachment.DeviceIndex+100*e.Attachment.Card)
	return NIC{ENI: e.ID, MAC: e.MAC, DeviceIndex: e.Attachment.DeviceIndex, Device: device}
}

// spec is the description of an instance for Machines.
func (t *tx) spec(i *instanceRecord) Instance {
	limits := instancetypes.All()[i.Type]
	spec := Instance{ID: i.ID, ImageID: i.Image, Type: i.Type, VCPUs: limits.VCPUs, MemoryMB: limits.MemoryMB,
		State: i.State, KVM: i.kvm(), Spot: i.Spot}
	for index, e := range t.enisOf(i.ID) {
		if index == 0 {
			spec.Hostname = t.hostnameOf(e)
		}
		spec.NICs = append(spec.NICs, e.nic())
	}
	return spec
}

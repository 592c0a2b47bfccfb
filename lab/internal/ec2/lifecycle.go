// SPDX-License-Identifier: Apache-2.0

package ec2

// The calls by which users change an instance's state. They record the transitional
// state; settle makes the machines follow.

type namedInstances struct {
	dryRun
	Instances      []*instanceRecord `form:"InstanceId,required"`
	Force          bool
	SkipOsShutdown bool
}

type stateChangeXML struct {
	ID       string   `xml:"instanceId"`
	Current  stateXML `xml:"currentState"`
	Previous stateXML `xml:"previousState"`
}

type stateChangesOutput struct {
	response
	Changes set[stateChangeXML] `xml:"instancesSet"`
}

// change applies one transition to all instances named, or to none.
func (in namedInstances) change(transition func(*instanceRecord) error) (*stateChangesOutput, error) {
	out := &stateChangesOutput{}
	for _, i := range in.Instances {
		before := i.State
		if err := transition(i); err != nil {
			return nil, err
		}
		out.Changes.Items = append(out.Changes.Items, stateChangeXML{i.ID, newStateXML(i.State), newStateXML(before)})
	}
	return out, nil
}

func startInstances(t *tx, in namedInstances) (*stateChangesOutput, error) {
	return in.change(func(i *instanceRecord) error {
		switch i.State {
		case statePending, stateRunning:
		case stateStopped:
			i.State, i.Reason, i.Launched, i.Reboot = statePending, reasonXML{}, t.now, false
			if err := t.roomFor(i); err != nil {
				return err
			}
			return t.mapPublic(i)
		default:
			return fail("IncorrectInstanceState", "The instance '%s' is not in a state from which it can be started.", i.ID)
		}
		return nil
	})
}

func stopInstances(_ *tx, in namedInstances) (*stateChangesOutput, error) {
	return in.change(func(i *instanceRecord) error {
		switch i.State {
		case stateStopping, stateStopped:
		case stateRunning:
			if err := i.stoppable(); err != nil {
				return err
			}
			if i.StopProtected {
				return fail("OperationNotPermitted",
					"The instance '%s' may not be stopped. Modify its 'disableApiStop' instance attribute and try again.", i.ID)
			}
			i.State, i.Reason = stateStopping, reasonUser
		default:
			return fail("IncorrectInstanceState", "The instance '%s' is not in a state from which it can be stopped.", i.ID)
		}
		return nil
	})
}

func terminateInstances(_ *tx, in namedInstances) (*stateChangesOutput, error) {
	return in.change(func(i *instanceRecord) error {
		if i.Protected {
			return fail("OperationNotPermitted",
				"The instance '%s' may not be terminated. "+
					"Modify its 'disableApiTermination' instance attribute and try again.", i.ID)
		}
		if i.State != stateTerminated && i.State != stateShuttingDown {
			i.State, i.Reason = stateShuttingDown, reasonUser
		}
		return nil
	})
}

func rebootInstances(_ *tx, in namedInstances) (*done, error) {
	_, err := in.change(func(i *instanceRecord) error {
		if i.State != stateRunning {
			return fail("IncorrectState", "Instance '%s' is not in a valid state for this operation (%s)", i.ID, i.State)
		}
		i.Reboot = true
		return nil
	})
	if err != nil {
		return nil, err
	}
	return ok()
}

// PoweredOff reports that a machine has shut itself down. Its instance is then stopped,
// or terminated if that is its shutdown behavior.
func (s *State) PoweredOff(instanceID string) error {
	return s.update(nil, func(t *tx) error {
		i, err := find(kindInstance, t.Instances, instanceID)
		if err != nil {
			return err
		}
		if i.State != stateRunning {
			return errDiscard // in transition already
		}
		i.State, i.Reason, i.Reboot = stateStopped, reasonItself, false
		t.unmapPublic(i)
		if i.TerminateOnShutdown {
			i.State = stateShuttingDown
		}
		return nil
	})
}

// Instances returns all instances that are not terminated, by ID.
func (s *State) Instances() []Instance {
	t := s.view()
	var all []Instance
	for _, i := range byID(t.Instances) {
		if i.State != stateTerminated {
			all = append(all, t.spec(i))
		}
	}
	return all
}

// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"macaw.example/internal/cloud"
	"macaw.example/internal/hint"
	"macaw.example/internal/inventory"
)

// restChange is a change of an attribute that AWS accepts only while the instance is stopped (EC2 API
// Reference, ModifyInstanceAttribute and ModifyInstanceCpuOptions).
type restChange struct {
	id     string
	detail string // of the action
	drift  string // what is wrong meanwhile; empty if another change says it
	do     step
}

// restChanges returns the changes that an instance needs, in the order in which AWS accepts them:
// nested virtualization is switched off before a change to a type that lacks it, and on after a
// change to one that has it.
func (b *up) restChanges(node cloud.Node, in inventory.Instance) (all []restChange) {
	part := partInstance(node.Name)
	kind, known := b.w.Virtualization[node.Type]
	if in.Nested && known && kind != Nested {
		all = append(all, restChange{id: part + "/not-nested", detail: node.Name + " has nested virtualization off",
			do: setNested(in.ID, in.Type, types.NestedVirtualizationSpecificationDisabled)})
	}
	if in.Type != node.Type {
		all = append(all, restChange{id: part + "/type", detail: node.Name + " becomes " + node.Type,
			drift: fmt.Sprintf("its type is %s, the file says %s; macaw up --restart changes it", in.Type, node.Type),
			do:    setType(in.ID, node.Type)})
	}
	if !in.Nested && kind == Nested {
		c := restChange{id: part + "/nested", detail: node.Name + " has nested virtualization on",
			do: setNested(in.ID, node.Type, types.NestedVirtualizationSpecificationEnabled)}
		if in.Type == node.Type {
			c.drift = "nested virtualization is off, so its guests are emulated; macaw up --restart switches it on"
		}
		all = append(all, c)
	}
	if data := b.w.userData(node); !bytes.Equal(in.UserData, data) {
		all = append(all, restChange{id: part + "/user-data", detail: node.Name + " has macaw's user data",
			drift: "its user data is not what macaw gave it; macaw up --restart changes it",
			do:    setUserData(in.ID, data)})
	}
	return all
}

// instanceAtRest plans the changes that need a stopped instance, and the start of one that is stopped.
// Stopping a running one is the operator's decision.
func (b *up) instanceAtRest(node cloud.Node, in inventory.Instance) {
	changes := b.restChanges(node, in)
	stopped := in.State == "stopped" || in.State == "stopping"
	hint := "a restart stops the instance, changes it and starts it again: the cloud is down meanwhile, and keeps its " +
		"addresses"
	if b.several() {
		hint = "a restart stops the instance, changes it and starts it again: its guests are down meanwhile, and it keeps " +
			"its addresses"
	}
	if in.Spot {
		hint = "a Spot Instance cannot be stopped: aws ec2 terminate-instances --instance-ids " + in.ID +
			", and macaw up makes it anew; the guests on it are lost"
	}
	switch {
	case stopped:
		b.changeAtRest(node, changes)
	case len(changes) > 0 && b.w.Restart && !in.Spot:
		b.restarts = append(b.restarts, func() { b.restart(node, in, changes) })
	default:
		for _, c := range changes {
			if c.drift != "" {
				text := c.drift
				if in.Spot {
					text, _, _ = strings.Cut(text, "; macaw up --restart")
				}
				b.drift("instance "+node.Name, hint, "%s", text)
			}
		}
		if in.State == "pending" {
			part := partInstance(node.Name)
			b.start(part, "instance", node.Name+" (it is starting)", awaitInstance(part))
		}
	}
	b.guests(node, &in, stopped || b.w.Restart && !in.Spot)
}

// changeAtRest plans changes of an instance, one after the other, and its start.
func (b *up) changeAtRest(node cloud.Node, changes []restChange, needs ...string) {
	part := partInstance(node.Name)
	for _, c := range changes {
		b.change(c.id, "instance", c.detail, c.do, needs...)
		needs = []string{c.id}
	}
	b.start(part, "instance", node.Name, startInstance(part), needs...)
}

// restart plans that a running instance is stopped, changed and started again, after everything else:
// the cloud is down for as short as possible, and stays up if something else fails. A run that is
// killed in between leaves a stopped instance, which the next run changes and starts.
func (b *up) restart(node cloud.Node, in inventory.Instance, changes []restChange) {
	stop := Action{ID: partInstance(node.Name) + "/stop", Verb: Stop, Object: "instance", Detail: node.Name,
		do: stopInstance(in.ID)}
	for _, a := range b.Actions {
		stop.Needs = append(stop.Needs, a.ID)
	}
	b.add(stop)
	b.changeAtRest(node, changes, stop.ID)
}

// stopInstance stops an instance and waits until it is stopped.
func stopInstance(id string) step {
	return func(ctx context.Context, a *applier) error {
		err := a.call(ctx, func(ctx context.Context) error {
			_, err := a.api.StopInstances(ctx, &ec2.StopInstancesInput{InstanceIds: []string{id}})
			return err
		}, "IncorrectInstanceState", "IncorrectState") // while it is pending
		if errorCode(err) == "OperationNotPermitted" {
			return hint.With(err, "it is protected against being stopped; without that: aws ec2 modify-instance-attribute "+
				"--instance-id %s --no-disable-api-stop", id)
		}
		if err != nil {
			return err
		}
		_, err = a.stopped(ctx, id)
		return err
	}
}

// stopped waits until an instance is stopped.
func (a *applier) stopped(ctx context.Context, id string) (stopped *types.Instance, err error) {
	err = a.until(ctx, machinePolicy, func(ctx context.Context) (bool, error) {
		i, err := a.instance(ctx, id)
		switch {
		case err != nil:
			return passes(err), err
		case i == nil || i.State.Name == types.InstanceStateNameTerminated:
			return false, fmt.Errorf("instance %s: %w", id, errNoLonger)
		case i.State.Name != types.InstanceStateNameStopped:
			return true, fmt.Errorf("instance %s is %s", id, i.State.Name)
		}
		stopped = i
		return false, nil
	})
	return stopped, err
}

// setNested switches nested virtualization of a stopped instance on or off. It repeats the instance's
// numbers of cores and threads, as AWS's documentation does (EC2 User Guide,
// amazon-ec2-nested-virtualization). Until AWS shows a type that was changed just now, these are the
// numbers of the former type.
func setNested(id, instanceType string, to types.NestedVirtualizationSpecification) step {
	return func(ctx context.Context, a *applier) error {
		in := &ec2.ModifyInstanceCpuOptionsInput{InstanceId: aws.String(id), NestedVirtualization: to}
		err := a.until(ctx, consistencyPolicy, func(ctx context.Context) (bool, error) {
			i, err := a.stopped(ctx, id)
			switch {
			case err != nil:
				return false, err
			case string(i.InstanceType) != instanceType:
				return true, fmt.Errorf("AWS shows instance %s as %s, not %s", id, i.InstanceType, instanceType)
			case i.CpuOptions != nil:
				in.CoreCount, in.ThreadsPerCore = i.CpuOptions.CoreCount, i.CpuOptions.ThreadsPerCore
			}
			return false, nil
		})
		if err != nil {
			return err
		}
		return a.call(ctx, func(ctx context.Context) error {
			_, err := a.api.ModifyInstanceCpuOptions(ctx, in)
			return err
		}, "IncorrectInstanceState", "IncorrectState") // while it is stopping
	}
}

// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"errors"

	"macaw.example/internal/agent"
	"macaw.example/internal/execute"
	"macaw.example/internal/model"
	"macaw.example/internal/nodeapi"
)

// prepare runs the package step of a node.
func prepare(ctx context.Context, spec nodeapi.OpenStack, progress Progress) error {
	if err := spec.Validate(); err != nil {
		return err
	}
	held, err := lock(ctx, lockPath, progress)
	if err != nil {
		return err
	}
	defer held.Close()
	n := &node{spec: spec, root: "/", run: execute.On(held), note: notes(progress)}
	if err := n.earlyNAT(ctx); err != nil && !errors.Is(err, errNothingToDo) {
		return err
	}
	return install(ctx, held, spec, progress)
}

// Make makes this machine the node that spec describes. The provider NIC comes first, so that Open
// vSwitch finds its port.
func Make(ctx context.Context, spec nodeapi.Spec, progress Progress) error {
	if progress == nil {
		progress = func(Event) {}
	}
	if err := prepare(ctx, spec.OpenStack, progress); err != nil {
		return err
	}
	if spec.OpenStack.Has(model.Gateway) {
		const step = "provider NIC and translation"
		progress(Event{Step: step, State: Started})
		changed, err := agent.Install(ctx, agent.Config(spec.Agent), nodeapi.Program, func(text string) {
			progress(Event{Step: step, State: Noted, Note: text})
		})
		e := Event{Step: step, State: Done, Err: err}
		switch {
		case err != nil:
			e.State = Failed
		case !changed:
			e.State = Skipped
		}
		progress(e)
		if err != nil {
			return err
		}
	}
	return Apply(ctx, spec.OpenStack, progress)
}

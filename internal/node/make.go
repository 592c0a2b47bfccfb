// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"

	"macaw.example/internal/agent"
	"macaw.example/internal/model"
	"macaw.example/internal/nodeapi"
)

// Make makes this machine the node that spec describes. The provider NIC comes first, so that Open
// vSwitch finds its port.
func Make(ctx context.Context, spec nodeapi.Spec, progress Progress) error {
	if progress == nil {
		progress = func(Event) {}
	}
	if err := Install(ctx, progress); err != nil {
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

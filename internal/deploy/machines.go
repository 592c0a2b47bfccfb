// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"macaw.example/internal/infra"
	"macaw.example/internal/nodeapi"
)

// machine is a node of the cloud with a connection to it.
type machine struct {
	infra.NodeOutput
	h    Node
	spec nodeapi.Spec
}

// machines are all nodes of the cloud, in the order of the cloud file.
type machines []*machine

// specs are their specs.
func (all machines) specs() (specs []nodeapi.Spec) {
	for _, m := range all {
		specs = append(specs, m.spec)
	}
	return specs
}

// each calls fn for all of them at once.
func (all machines) each(ctx context.Context, fn func(context.Context, *machine) error) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, m := range all {
		g.Go(func() error { return fn(ctx, m) })
	}
	return g.Wait()
}

// reachAll connects to all nodes of a cloud.
func (d *Deployment) reachAll(ctx context.Context, w *ways) (all machines, err error) {
	for _, n := range w.nodes {
		spec, err := specOf(d.Cloud, w.nodes, n)
		if err != nil {
			return nil, err
		}
		all = append(all, &machine{NodeOutput: n, spec: spec})
	}
	return all, all.each(ctx, func(ctx context.Context, m *machine) (err error) {
		m.h, err = w.to(ctx, m.NodeOutput)
		return err
	})
}

// about returns the deployment with a progress that names a node, if there are several.
func (d *Deployment) about(node string) *Deployment {
	if len(d.Cloud.Nodes) == 1 {
		return d
	}
	one := *d
	one.Progress = aboutNode{d.Progress, node}
	return &one
}

// aboutNode is the progress of work on a node.
type aboutNode struct {
	Progress
	node string
}

func (p aboutNode) Start(phase, step string) func(error) {
	return p.Progress.Start(phase, p.node+": "+step)
}

func (p aboutNode) Begin(phase, step string) func(error) {
	return p.Progress.Begin(phase, p.node+": "+step)
}

func (p aboutNode) Note(phase, text string) { p.Progress.Note(phase, p.node+": "+text) }

// giveSecrets gives a node the secrets that its roles need, from the controller, where they are made.
func (d *Deployment) giveSecrets(ctx context.Context, controller Node, m *machine) error {
	return d.do(phaseHost, "secrets", func() error {
		var roles []string
		for _, r := range m.spec.OpenStack.Roles {
			roles = append(roles, string(r))
		}
		part, err := controller.Output(ctx, nodeapi.Program+" secrets --roles "+strings.Join(roles, ","))
		if err != nil {
			return fmt.Errorf("fetching the secrets of node %s from the controller: %w", m.Name, err)
		}
		_, err = m.h.Put(ctx, nodeapi.Secrets, []byte(part), 0o600)
		return err
	})
}

// makeAll makes all machines the nodes of their specs, at once. It calls reached as [Deployment.makeNode]
// does for the controller, and returns how many steps changed something.
func (d *Deployment) makeAll(ctx context.Context, all machines, reached func(step string)) (changed int, err error) {
	if err := all.each(ctx, func(ctx context.Context, m *machine) error {
		return d.about(m.Name).prepare(ctx, m.h)
	}); err != nil {
		return 0, err
	}
	controller := all[d.controller()]
	var mu sync.Mutex
	err = all.each(ctx, func(ctx context.Context, m *machine) error {
		about, tell := d.about(m.Name), reached
		if m != controller {
			tell = func(string) {}
			if err := about.giveSecrets(ctx, controller.h, m); err != nil {
				return err
			}
		}
		n, err := about.makeNode(ctx, m.h, m.spec, tell)
		mu.Lock()
		defer mu.Unlock()
		changed += n
		if err != nil && len(all) > 1 {
			return fmt.Errorf("node %s: %w", m.Name, err)
		}
		return err
	})
	return changed, err
}

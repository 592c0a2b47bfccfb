// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"
	"errors"
	"slices"
	"sync"

	"macaw.example/internal/cloud"
	"macaw.example/internal/infra"
	"macaw.example/internal/model"
)

// ways are connections to the nodes of a cloud, made as they are needed: directly, or through the controller to
// a node without an Elastic IP.
type ways struct {
	d     *Deployment
	nodes []infra.NodeOutput // in the order of the cloud file
	reach func(ctx context.Context, n infra.NodeOutput, via Node) (Node, error)

	mu   sync.Mutex
	open map[string]*way // by node
}

// way is a connection, or the attempt to make one.
type way struct {
	done chan struct{}
	h    Node
	err  error
}

// waysTo returns ways to nodes that should be up.
func (d *Deployment) waysTo(nodes []infra.NodeOutput) *ways {
	return &ways{d: d, nodes: nodes, reach: d.reach, open: map[string]*way{}}
}

// waysToNew returns ways to nodes that may have just been started.
func (d *Deployment) waysToNew(nodes []infra.NodeOutput) *ways {
	w := d.waysTo(nodes)
	w.reach = func(ctx context.Context, n infra.NodeOutput, via Node) (Node, error) {
		return d.reachNew(ctx, n, via, sshTo(n))
	}
	return w
}

// controller is the cloud's controller.
func (w *ways) controller() infra.NodeOutput { return w.nodes[w.d.controller()] }

// to returns the connection to a node. All callers share it, and none closes it.
func (w *ways) to(ctx context.Context, n infra.NodeOutput) (Node, error) {
	w.mu.Lock()
	c, there := w.open[n.Name]
	if !there {
		c = &way{done: make(chan struct{})}
		w.open[n.Name] = c
	}
	w.mu.Unlock()
	if there {
		if err := receive(ctx, c.done); err != nil {
			return nil, err
		}
		return c.h, c.err
	}
	defer close(c.done)
	if c.err = w.d.there(n); c.err != nil {
		return nil, c.err
	}
	var via Node
	if n.ManagementPublic == "" && n.Name != w.controller().Name {
		if via, c.err = w.to(ctx, w.controller()); c.err != nil {
			return nil, c.err
		}
	}
	c.h, c.err = w.reach(ctx, n, via)
	return c.h, c.err
}

// Close closes the connections, the controller's last.
func (w *ways) Close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, last := range []bool{false, true} {
		for name, c := range w.open {
			if c.h != nil && last == (name == w.controller().Name) {
				c.h.Close()
			}
		}
	}
}

// onController calls fn with a connection to the controller of a running cloud. The context of fn ends
// when the connection is lost.
func (d *Deployment) onController(ctx context.Context, fn func(context.Context, *ways, Node) error) error {
	w, err := d.connectNodes(ctx)
	if err != nil {
		return err
	}
	defer w.Close()
	h, err := w.to(ctx, w.controller())
	if err != nil {
		return err
	}
	return whileAlive(ctx, h, func(ctx context.Context) error { return fn(ctx, w, h) })
}

// connectNodes returns ways to the nodes of a cloud, which must all be there.
func (d *Deployment) connectNodes(ctx context.Context) (*ways, error) {
	if err := d.connect(ctx, look); err != nil {
		return nil, err
	}
	nodes, err := d.nodes(ctx)
	if err != nil {
		return nil, err
	}
	return d.waysTo(nodes), nil
}

// onGateways calls fn with a connection to each gateway node, one after the other; with that to the named one
// only unless name is empty. The context of fn ends when the connection is lost.
func (w *ways) onGateways(ctx context.Context, name string,
	fn func(context.Context, infra.NodeOutput, Node) error) error {
	var errs []error
	for i, n := range w.nodes {
		if !w.d.Cloud.Nodes[i].Has(model.Gateway) || name != "" && n.Name != name {
			continue
		}
		h, err := w.to(ctx, n)
		if err == nil {
			err = whileAlive(ctx, h, func(ctx context.Context) error { return fn(ctx, n, h) })
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// controller is the place of the controller in the cloud file's list of nodes.
func (d *Deployment) controller() int { return first(d.Cloud, model.Controller) }

// first is the place of the first node with a role in the cloud file's list.
func first(c *cloud.Cloud, r model.Role) int {
	return slices.IndexFunc(c.Nodes, func(n cloud.Node) bool { return n.Has(r) })
}

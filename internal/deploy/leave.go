// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"macaw.example/internal/cloud"
	"macaw.example/internal/drain"
	"macaw.example/internal/hint"
	"macaw.example/internal/infra"
	"macaw.example/internal/inventory"
	"macaw.example/internal/model"
	"macaw.example/internal/nodeapi"
)

// drained is the reason for an operator's drain, as Nova shows it. Up leaves such a node as it is.
const drained = "macaw node drain"

// Drain moves all guests and routers of a node to other nodes, and keeps new ones from it, until Undrain. A guest
// that cannot move while it runs is restarted only if stop is set. Guests that stay are an error, and the
// result names them too. The cloud file need not have the node any more.
func (d *Deployment) Drain(ctx context.Context, node string, stop bool) (res drain.Result, err error) {
	err = d.onNova(ctx, func(ctx context.Context, n drain.Nova, h Node, _ inventory.Seen) error {
		// Before its routers leave: a node that cannot be emptied stays as it is.
		if err := drain.Check(ctx, n, []string{node}, d.drainOptions(drained)); err != nil {
			return err
		}
		if err := d.drainGateway(ctx, h, node, true); err != nil {
			return err
		}
		if d.onlyRoutes(node) {
			res.Node = node
			return nil
		}
		o := d.drainOptions(drained)
		o.Stop = stop
		res, err = drain.Run(ctx, n, node, o)
		if err == nil {
			err = res.Err()
		}
		return err
	})
	return res, err
}

// onlyRoutes tells whether a node of the file runs no guests.
func (d *Deployment) onlyRoutes(node string) bool {
	return slices.ContainsFunc(d.Cloud.Nodes, func(n cloud.Node) bool {
		return n.Name == node && n.Has(model.Gateway) && !n.Has(model.Compute)
	})
}

// Undrain lets a node take guests and routers again.
func (d *Deployment) Undrain(ctx context.Context, node string) error {
	return d.onNova(ctx, func(ctx context.Context, n drain.Nova, h Node, _ inventory.Seen) error {
		if err := d.drainGateway(ctx, h, node, false); err != nil || d.onlyRoutes(node) {
			return err
		}
		return d.do(phaseDrain, "let "+node+" take guests", func() error {
			return drain.Undo(ctx, n, node, d.drainOptions(""))
		})
	})
}

// Evacuate makes the guests of a compute node that is gone again on other nodes. What their disks on the node
// had is lost. It refuses if EC2 says that the instance is well, unless force is set, and in any case while
// the node reports to Nova. Guests that stay are an error, and the result names them too.
func (d *Deployment) Evacuate(ctx context.Context, node string, force bool) (res drain.Result, err error) {
	err = d.onNova(ctx, func(ctx context.Context, n drain.Nova, _ Node, seen inventory.Seen) error {
		health, err := d.dead(ctx, seen, node, force)
		if err != nil {
			return err
		}
		res, err = drain.Evacuate(ctx, n, node, d.drainOptions("macaw node evacuate"))
		if err == nil {
			err = res.Err()
		}
		if health.Runs() && len(res.Guests) > 0 {
			d.note(phaseDrain, "EC2 says that %s: its guests would run twice if it came back to life before its "+
				"nova-compute is restarted; aws ec2 stop-instances --force --instance-ids %s", health, health.Instance)
		}
		return err
	})
	return res, err
}

// MayEvacuate returns the error of Evacuate if EC2 says that the instance is well. It changes nothing.
func (d *Deployment) MayEvacuate(ctx context.Context, node string, force bool) error {
	if err := d.connect(ctx, look); err != nil {
		return err
	}
	seen, err := d.lookForNodes(ctx)
	if err != nil {
		return err
	}
	_, err = d.dead(ctx, seen, node, force)
	return err
}

// dead returns what EC2 says of a node, and an error if it is well, unless force is set.
func (d *Deployment) dead(ctx context.Context, seen inventory.Seen, node string, force bool) (infra.Health, error) {
	health, err := infra.HealthOf(ctx, d.ec2, seen, node)
	if err == nil && health.Runs() && !health.Impaired && !force {
		err = hint.With(fmt.Errorf("evacuating node %s: EC2 says that %s", node, health),
			"macaw node drain %s %s moves guests from a node that works; --force evacuates one that hangs: "+
				"stop its instance first", d.Cloud.FileName(), node)
	}
	return health, err
}

// onNova calls fn with the Nova of a running cloud, and with what AWS has of it, while no other run changes the
// cloud. Nodes other than the controller may be missing.
func (d *Deployment) onNova(
	ctx context.Context, fn func(context.Context, drain.Nova, Node, inventory.Seen) error,
) error {
	err := d.exclusively(ctx, change, func(ctx context.Context, _ func()) error {
		seen, err := d.lookForNodes(ctx)
		if err != nil {
			return err
		}
		return d.withNova(ctx, seen, func(ctx context.Context, n drain.Nova, h Node) error { return fn(ctx, n, h, seen) })
	})
	return d.inRegion(ctx, err)
}

// withNova calls fn with the Nova of a running cloud, and its controller.
func (d *Deployment) withNova(
	ctx context.Context, seen inventory.Seen, fn func(context.Context, drain.Nova, Node) error,
) error {
	controller := infra.OutputsOf(d.Cloud, seen).Nodes[d.controller()]
	h, err := d.reach(ctx, controller, nil)
	if err != nil {
		return err
	}
	defer h.Close()
	return d.novaOn(ctx, h, func(ctx context.Context, n drain.Nova) error { return fn(ctx, n, h) })
}

// novaOn calls fn with the Nova of the controller h.
func (d *Deployment) novaOn(ctx context.Context, h Node, fn func(context.Context, drain.Nova) error) error {
	return whileAlive(ctx, h, func(ctx context.Context) error {
		acc, err := d.takeAccess(ctx, h)
		if err != nil {
			return err
		}
		var n drain.Nova
		err = d.await(phaseDrain, "log in at "+acc.Auth.URL, func() error {
			n, err = d.openStack().Nova(ctx, acc.Auth)
			return err
		})
		if err != nil {
			return err
		}
		return fn(ctx, n)
	})
}

func (d *Deployment) drainOptions(reason string) drain.Options {
	return drain.Options{
		Reason: reason, File: d.Cloud.FileName(),
		Step: func(what string) func(error) { return d.Progress.Start(phaseDrain, what) },
		Note: func(text string) { d.Progress.Note(phaseDrain, text) },
	}
}

// leaving are the nodes that a plan destroys although the cloud goes on.
func (d *Deployment) leaving(s survey) []string {
	if d.bakery { // which has no services
		return nil
	}
	return s.plan.Leaving(d.Cloud.Nodes[d.controller()].Name, s.seen)
}

// empty moves the guests of the nodes that a plan destroys to other nodes. It succeeds only if none is left on
// any of them.
func (d *Deployment) empty(ctx context.Context, s survey) error {
	nodes := d.leaving(s)
	if len(nodes) == 0 {
		return nil
	}
	err := d.withNova(ctx, s.seen, func(ctx context.Context, n drain.Nova, _ Node) error {
		o := d.drainOptions(nodeapi.RemovalReason)
		if err := drain.Check(ctx, n, nodes, o); err != nil {
			return err
		}
		var computes []string
		for _, node := range nodes {
			err := drain.Close(ctx, n, node, o)
			if _, ok := errors.AsType[*drain.NoNodeError](err); ok {
				continue // it has never run guests
			}
			if err != nil {
				return err
			}
			computes = append(computes, node)
		}
		var stayed []error
		for _, node := range computes {
			res, err := drain.Run(ctx, n, node, o)
			if err == nil {
				err = res.Err()
			}
			if ctx.Err() != nil {
				return err
			}
			stayed = append(stayed, err)
		}
		return errors.Join(stayed...)
	})
	if err == nil || ctx.Err() != nil {
		return err
	}
	return hint.With(fmt.Errorf("moving the guests of nodes that the file no longer has; no node was destroyed: %w", err),
		"the same command again moves the rest; macaw node drain %[1]s NODE --stop restarts guests that cannot move "+
			"otherwise; or delete them; or give the node back to the file, and macaw up %[1]s lets it take guests again",
		d.Cloud.FileName())
}

// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"
	"errors"
	"fmt"

	"macaw.example/internal/cloud"
	"macaw.example/internal/hint"
	"macaw.example/internal/infra"
	"macaw.example/internal/nodeapi"
	"macaw.example/lab"
)

// seeStep is the name of the step that reads a cloud from AWS.
const seeStep = "see what AWS has"

// see reads from AWS what exists of the cloud.
func (d *Deployment) see(ctx context.Context) (infra.Seen, error) {
	if d.down {
		return infra.Seen{Region: lab.Region, Zones: []string{lab.Region + "a"}}, nil
	}
	return infra.See(ctx, d.api(), d.Cloud.Name)
}

// look is see, shown as a step if it takes long.
func (d *Deployment) look(ctx context.Context) (seen infra.Seen, err error) {
	err = d.await(phaseInfra, seeStep, func() error {
		seen, err = d.see(ctx)
		return err
	})
	return seen, err
}

// nodes returns the cloud's nodes as AWS has them, and an error if one is missing.
func (d *Deployment) nodes(ctx context.Context) ([]infra.NodeOutput, error) {
	seen, err := d.look(ctx)
	if err != nil {
		return nil, err
	}
	nodes := infra.OutputsOf(d.Cloud, seen).Nodes
	for _, n := range nodes {
		if n.InstanceID == "" {
			return nil, hint.With(fmt.Errorf("cloud %s is not up: there is no node %s", d.Cloud.Name, n.Name),
				"macaw up %s", d.Cloud.FileName())
		}
	}
	return nodes, nil
}

// planAWS returns the difference between the cloud file and what AWS has.
func (d *Deployment) planAWS(ctx context.Context, publicKey string) (*infra.Plan, error) {
	w := infra.Wanted{Cloud: d.Cloud, PublicKey: publicKey, UserData: userData(d.Cloud)}
	w.Restart = d.restart
	seen, err := d.see(ctx)
	if err != nil {
		return nil, err
	}
	if d.down {
		// The image that the lab will have once it is up.
		w.Image = infra.Image{ID: d.Lab.StockImage(), Kind: infra.ImageStock}
		return infra.PlanUp(w, seen)
	}
	chosen := d.Cloud.Nodes[0].Image
	w.Image, err = infra.FindImage(ctx, d.ec2, nodeapi.PackagesHash, chosen)
	switch {
	case errors.Is(err, infra.ErrNoImage) && chosen != "":
		return nil, d.Cloud.Reject("nodes[0].image", "an image is of one region, and its owner says who may use it",
			"AWS shows no image %s", chosen)
	case err != nil && !errors.Is(err, infra.ErrNoImage):
		return nil, err
	}
	if w.Virtualization, err = infra.AskVirtualization(ctx, d.ec2, d.Cloud, seen); err != nil {
		return nil, err
	}
	account, err := infra.Ask(ctx, d.ec2, d.Cloud)
	if err != nil {
		return nil, err
	}
	return infra.PlanIn(account, w, seen)
}

// userData makes cloud-init set the node's name as host name: Nova and OVN identify a node by it.
func userData(c *cloud.Cloud) []byte {
	return fmt.Appendf(nil, "#cloud-config\nhostname: %[1]s\nfqdn: %[1]s\nmanage_etc_hosts: localhost\n", c.Nodes[0].Name)
}

// makeInfra makes the cloud's AWS resources and returns its nodes and the number of actions. It
// removes instances, with their data, only if destroy is set.
func (d *Deployment) makeInfra(ctx context.Context, destroy bool) ([]infra.NodeOutput, int, error) {
	key, err := d.loadKey()
	if err != nil {
		return nil, 0, err
	}
	var plan *infra.Plan
	err = d.do(phaseInfra, seeStep, func() error {
		plan, err = d.planAWS(ctx, key)
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	if gone := plan.Destroys(); len(gone) > 0 && !destroy {
		return nil, 0, hint.With(
			fmt.Errorf("instance %s would be destroyed with its data: the file has no such node; nothing was changed",
				gone[0].Detail),
			"macaw plan shows all of it, macaw up --yes does it; or give the node its old name")
	}
	for _, drift := range plan.Drift {
		d.Progress.Note(phaseInfra, drift.String())
	}
	defer d.watchLab(ctx)()
	out, err := infra.Apply(ctx, d.api(), plan, d.showActions())
	if err != nil {
		return nil, 0, err
	}
	return out.Nodes, len(plan.Actions), nil
}

// showActions shows the actions of a plan as steps.
func (d *Deployment) showActions() infra.Progress {
	running := map[string]func(error){}
	return func(e infra.Event) {
		if e.State != infra.Started {
			running[e.Action.ID](e.Err)
			return
		}
		step := fmt.Sprintf("%s %s %s", e.Action.Verb, e.Action.Object, e.Action.Detail)
		running[e.Action.ID] = d.Progress.Start(phaseInfra, step)
	}
}

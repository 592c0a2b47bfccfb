// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/cloud"
	"macaw.example/internal/hint"
	"macaw.example/internal/images"
	"macaw.example/internal/infra"
	"macaw.example/internal/inventory"
	"macaw.example/internal/nodeapi"
	"macaw.example/internal/preflight"
	"macaw.example/lab"
)

// seeStep is the name of the step that reads a cloud from AWS.
const seeStep = "see what AWS has"

// see reads from AWS what exists of the cloud.
func (d *Deployment) see(ctx context.Context) (inventory.Seen, error) {
	if d.down {
		return inventory.Seen{Region: lab.Region, Zones: lab.Zones()}, nil
	}
	return inventory.See(ctx, d.ec2, d.iam, d.Cloud.Name)
}

// look is see, shown as a step if it takes long.
func (d *Deployment) look(ctx context.Context) (seen inventory.Seen, err error) {
	err = d.await(phaseInfra, seeStep, func() error {
		seen, err = d.see(ctx)
		return err
	})
	return seen, err
}

// lookForNodes reads only where the nodes are, as [inventory.SeeNodes], shown as a step if it takes long.
func (d *Deployment) lookForNodes(ctx context.Context) (seen inventory.Seen, err error) {
	if d.down {
		return seen, nil
	}
	err = d.await(phaseInfra, seeStep, func() error {
		seen, err = inventory.SeeNodes(ctx, d.ec2, d.Cloud.Name)
		return err
	})
	return seen, err
}

// nodes returns the cloud's nodes as AWS has them, and an error if the controller is missing. Another one that is
// missing is an error once it is needed.
func (d *Deployment) nodes(ctx context.Context) ([]infra.NodeOutput, error) {
	seen, err := d.lookForNodes(ctx)
	if err != nil {
		return nil, err
	}
	nodes := infra.OutputsOf(d.Cloud, seen).Nodes
	return nodes, d.there(nodes[d.controller()])
}

// there is an error if AWS does not have a node.
func (d *Deployment) there(n infra.NodeOutput) error {
	if n.InstanceID != "" {
		return nil
	}
	return hint.With(fmt.Errorf("cloud %s is not up: there is no node %s", d.Cloud.Name, n.Name),
		"macaw up %s", d.Cloud.FileName())
}

// survey is what AWS has of a cloud and says of the account, what is to be done, and whether the
// account can carry it.
type survey struct {
	seen   inventory.Seen
	plan   *infra.Plan
	checks []preflight.Check
}

// err returns an error of the checks that failed, with their places in the cloud file.
func (s survey) err(c *cloud.Cloud) error { return preflight.Error(c, s.checks) }

// survey compares the cloud file with what AWS has, and makes all checks. For new subnets it avoids
// zones that have turned out to have no capacity.
func (d *Deployment) survey(ctx context.Context, publicKey string, avoid ...string) (s survey, err error) {
	w := infra.Wanted{PublicKey: publicKey, UserData: userData, Restart: d.restart, Bakery: d.bakery}
	if err := d.checkCertificateFiles(); err != nil {
		return s, err
	}
	if d.down {
		if s.seen, err = d.see(ctx); err != nil {
			return s, err
		}
		if w.Cloud, err = d.withOperator(ctx); err != nil {
			return s, err
		}
		// The image that the lab will have once it is up.
		w.Image, w.Images = images.Image{ID: d.Lab.StockImage(), Kind: images.Stock}, map[string]images.Image{}
		for _, n := range d.Cloud.Nodes {
			w.Images[n.Image] = images.Image{ID: n.Image, Kind: images.Chosen}
		}
		account := labAccount(d.Cloud)
		w.Zone = preflight.Zone(account, d.Cloud, s.seen, avoid...)
		if s.plan, err = infra.PlanUp(w, s.seen); err != nil {
			return s, err
		}
		s.plan.Identity = d.identity()
		s.checks = preflight.RunTypes(preflight.Input{Account: account, Wanted: w, Seen: s.seen, Plan: s.plan})
		return s, nil
	}
	var types infra.Types
	var account preflight.Account
	var withOperator *cloud.Cloud
	var public netip.Addr
	// What the account is asked does not depend on what it has of the cloud. The calls that up makes have the last
	// word on both, so it does not matter which was read first.
	err = awsapi.Reads(ctx,
		func(ctx context.Context) (err error) {
			s.seen, err = d.see(ctx)
			return err
		},
		func(ctx context.Context) (err error) {
			account, err = preflight.Ask(ctx, d.asked(), preflight.Question{
				Cloud: d.Cloud, Region: region(d.Cloud), Bakery: w.Bakery,
				Types: func(ctx context.Context) (_ infra.Types, err error) {
					types, err = infra.AskTypes(ctx, d.ec2, d.Cloud)
					return types, err
				},
				Image: func(ctx context.Context) (images.Image, error) {
					err := d.findImages(ctx, &w)
					return w.ImageOf(d.Cloud.Nodes[0]), err
				},
			})
			return err
		},
		func(ctx context.Context) (err error) {
			withOperator, err = d.withOperator(ctx)
			if err == nil {
				public = d.publicAddress(ctx)
			}
			return err
		})
	if err != nil {
		return s, d.inRegion(ctx, err)
	}
	w.Cloud = withOperator
	if types, err = types.WithExisting(ctx, d.ec2, s.seen); err != nil {
		return s, err
	}
	w.Virtualization = types.Virtualization()
	if quota := &account.ElasticIPs; quota.Limit >= 0 {
		quota.Limit = max(quota.Limit, d.raisedQuota())
	}
	w.Zone = preflight.Zone(account, d.Cloud, s.seen, avoid...)
	if s.plan, err = infra.PlanUp(w, s.seen); err != nil {
		return s, err
	}
	s.plan.Identity = d.identityOf(account)
	s.checks = preflight.Run(preflight.Input{Account: account, Wanted: w, Seen: s.seen, Plan: s.plan,
		Public: s.plan.Identity.AtAWS(), Operator: public})
	s.plan.Needs = preflight.Needs(s.checks)
	return s, nil
}

// findImages finds the images that the nodes boot. One that there is not is left out.
func (d *Deployment) findImages(ctx context.Context, w *infra.Wanted) error {
	w.Images = map[string]images.Image{}
	packages := nodeapi.PackagesHash
	if d.bakery {
		packages = "" // an image is made of a plain Debian, also if there is one already
	}
	var mu sync.Mutex
	var reads []func(context.Context) error
	sought := map[string]bool{}
	for _, n := range d.Cloud.Nodes {
		if sought[n.Image] {
			continue
		}
		sought[n.Image] = true
		reads = append(reads, func(ctx context.Context) error {
			image, err := images.Find(ctx, d.ec2, packages, n.Image)
			if err != nil && !errors.Is(err, images.ErrNone) {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			if n.Image == "" {
				w.Image = image
			} else {
				w.Images[n.Image] = image
			}
			return nil
		})
	}
	return awsapi.Reads(ctx, reads...)
}

// userData makes cloud-init set the node's name as host name: Nova and OVN identify a node by it.
func userData(n cloud.Node) []byte {
	return fmt.Appendf(nil, "#cloud-config\nhostname: %[1]s\nfqdn: %[1]s\nmanage_etc_hosts: localhost\n", n.Name)
}

// makeInfra makes the cloud's AWS resources and returns its nodes and the number of actions. It
// removes instances, with their data, only if destroy is set.
func (d *Deployment) makeInfra(ctx context.Context, destroy bool) ([]infra.NodeOutput, int, error) {
	key, err := d.loadKey()
	if err != nil {
		return nil, 0, err
	}
	defer d.watchLab(ctx)()
	var full []string // zones without capacity
	for actions := 0; ; {
		var s survey
		err = d.do(phaseInfra, seeStep, func() error {
			if s, err = d.survey(ctx, key, full...); err != nil {
				return err
			}
			return s.err(d.Cloud)
		})
		if err != nil {
			return nil, 0, err
		}
		if gone := s.plan.Destroys(); len(gone) > 0 && !destroy {
			return nil, 0, refuseToDestroy(gone)
		}
		if lost := s.plan.Losses; len(lost) > 0 && !destroy {
			return nil, 0, hint.With(
				fmt.Errorf("up would give up %s, which may be in use; nothing was changed", some(lost)),
				"macaw plan shows all of it, macaw up --yes does it: an Elastic IP that is released does not come back")
		}
		if len(full) == 0 {
			d.tell(s)
		}
		if err := d.endRole(ctx, s); err != nil {
			return nil, 0, err
		}
		if err := d.empty(ctx, s); err != nil {
			return nil, 0, err
		}
		if err := d.anew(ctx, s); err != nil {
			return nil, 0, err
		}
		made := 0
		out, err := infra.Apply(ctx, d.api(), s.plan, d.showActions(&made))
		actions += made
		if err == nil {
			return out.Nodes, actions, nil
		}
		if !infra.NoCapacity(err) || ctx.Err() != nil {
			return nil, 0, d.unfinished(ctx, err, made)
		}
		if full, err = d.leaveZone(ctx, err, full); err != nil {
			return nil, 0, d.unfinished(ctx, err, made)
		}
	}
}

// refuseToDestroy is the error of a plan that destroys instances without permission.
func refuseToDestroy(gone []infra.Action) error {
	what, data := "instance ", "its data: the file has no such node"
	var names []string
	for _, a := range gone {
		names = append(names, a.Detail)
	}
	if len(gone) > 1 {
		what, data = "instances ", "their data: the file has no such nodes"
	}
	return hint.With(
		fmt.Errorf("%s%s would be destroyed with %s; nothing was changed", what, strings.Join(names, ", "), data),
		"macaw plan shows all of it, macaw up --yes does it; or give each node its old name")
}

// some names the first few of what Neutron loses.
func some(lost []infra.Loss) string {
	const most = 5
	var names []string
	for _, l := range lost[:min(most, len(lost))] {
		names = append(names, l.String())
	}
	if more := len(lost) - most; more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(names, ", ")
}

// tell notes what the user should know before anything is made.
func (d *Deployment) tell(s survey) {
	d.caller = s.plan.Identity
	d.note(phaseInfra, "cloud %s in %v", d.Cloud.Name, s.plan.Identity)
	for _, drift := range s.plan.Drift {
		d.Progress.Note(phaseInfra, drift.String())
	}
	for _, c := range s.checks {
		if c.State == preflight.Unknown {
			d.Progress.Note(phaseInfra, c.String())
		}
	}
}

// unfinished says what a run that failed has left.
func (d *Deployment) unfinished(ctx context.Context, err error, made int) error {
	if made == 0 || ctx.Err() != nil {
		return err
	}
	return hint.With(err, "what has been made so far stays, and costs money: macaw up %[1]s goes on from there, "+
		"macaw down %[1]s removes it", d.Cloud.FileName())
}

// showActions shows the actions of a plan as steps, and counts those that have been carried out.
func (d *Deployment) showActions(made *int) infra.Progress {
	running := map[string]func(error){}
	return func(e infra.Event) {
		if e.State == infra.Finished {
			*made++
		}
		if e.State != infra.Started {
			running[e.Action.ID](e.Err)
			return
		}
		running[e.Action.ID] = d.Progress.Start(phaseInfra, e.Action.Text())
	}
}

// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"
	"time"

	"macaw.example/internal/cloud"
	"macaw.example/internal/host"
	"macaw.example/internal/infra"
	"macaw.example/internal/model"
	"macaw.example/internal/nodeapi"
)

// BakeResult is an image that has been made, or was there.
type BakeResult struct {
	Image    string `json:"image"`
	Packages string `json:"packages"` // the hash that the image is found by
	Made     bool   `json:"made"`
}

// Bake makes an image with OpenStack's packages installed, unless there is one and
// force does not want another. It does so in a cloud of its own, which is removed
// afterwards.
func (d *Deployment) Bake(ctx context.Context, force bool) (res BakeResult, err error) {
	bakery := *d
	bakery.Cloud = bakeryOf(d.Cloud)
	err = bakery.exclusively(ctx, true, func(ctx context.Context, _ func()) error {
		res, err = bakery.bake(ctx, force)
		return err
	})
	return res, err
}

// bakeryOf is the cloud whose only node is imaged: a network and an instance,
// with the one Elastic IP that SSH needs.
func bakeryOf(c *cloud.Cloud) *cloud.Cloud {
	b := *c
	b.Name = c.Name + "-bake"
	b.Provider.Addresses, b.Provider.ElasticIPs, b.Provider.Pool = 0, model.ElasticIPsNone, nil
	b.Nodes = []cloud.Node{c.Nodes[0]}
	b.Nodes[0].Name = "bake"
	b.Nodes[0].Roles = nil
	return &b
}

func (d *Deployment) bake(ctx context.Context, force bool) (BakeResult, error) {
	var img infra.Image
	err := d.await(phaseInfra, "look for an image", func() (err error) {
		img, err = infra.FindImage(ctx, d.ec2, nodeapi.PackagesHash, "")
		return err
	})
	if err != nil {
		return BakeResult{}, err
	}
	res := BakeResult{Image: img.ID, Packages: nodeapi.PackagesHash}
	needed := img.Kind != infra.ImageBaked || force
	seen, err := d.look(ctx)
	if err != nil {
		return BakeResult{}, err
	}
	// What a run that was killed has left goes on, if it can.
	if seen.Sealed() || !needed && !seen.Empty() {
		d.Progress.Note(phaseBake, "an earlier run has left its instance behind; removing that")
		if err := d.removeBakery(ctx); err != nil {
			return BakeResult{}, err
		}
	}
	if needed {
		if res.Image, err = d.makeImage(ctx); err != nil {
			return BakeResult{}, err
		}
		res.Made = true
	}
	return res, nil
}

// makeImage makes the image in a cloud made for it, which is removed afterwards,
// also after a failure.
func (d *Deployment) makeImage(ctx context.Context) (id string, err error) {
	defer func() {
		if err != nil && ctx.Err() == nil {
			d.Progress.Note(phaseBake, "failed, and is removed again: "+err.Error())
		}
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Minute)
		defer cancel()
		if left := d.removeBakery(clean); err == nil {
			err = left
		}
	}()
	nodes, _, err := d.makeInfra(ctx, false)
	if err != nil {
		return "", err
	}
	h, err := d.reachNew(ctx, nodes[0], "SSH at "+nodes[0].ManagementPublic)
	if err != nil {
		return "", err
	}
	defer h.Close()
	if err := d.putProgram(ctx, h); err != nil {
		return "", err
	}
	job := host.Job{Name: "macaw-node-install", Command: []string{nodeapi.Program, "install"}}
	if err := d.finish(ctx, h, job); err != nil {
		return "", err
	}
	if _, err := d.job(ctx, h, job); err != nil {
		return "", err
	}
	// The tag comes first: once it has begun, the instance is lost to others.
	if err := infra.Seal(ctx, d.ec2, nodes[0].InstanceID); err != nil {
		return "", err
	}
	last := host.Job{Name: "macaw-node-generalize", Command: []string{nodeapi.Program, "generalize"}}
	if _, err := d.job(ctx, h, last); err != nil {
		return "", err
	}
	err = d.do(phaseBake, "stop the instance and make the image", func() error {
		id, err = infra.Bake(ctx, d.ec2, nodes[0].InstanceID, nodeapi.PackagesHash)
		return err
	})
	return id, err
}

// removeBakery removes the cloud that images are made in, also from the operator's
// files.
func (d *Deployment) removeBakery(ctx context.Context) error {
	done, err := d.removeInfra(ctx)
	if err != nil {
		return err
	}
	if err := done.Left(); err != nil {
		return err
	}
	return d.forget()
}

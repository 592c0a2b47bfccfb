// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"
	"time"

	"macaw.example/internal/cloud"
	"macaw.example/internal/host"
	"macaw.example/internal/images"
	"macaw.example/internal/model"
	"macaw.example/internal/nodeapi"
)

// BakeResult is the image, made or found.
type BakeResult struct {
	Image    string `json:"image"`
	Packages string `json:"packages"` // the hash that FindImage looks for
	Made     bool   `json:"made"`
}

// Bake makes an image with OpenStack's packages installed. Without force, it keeps an existing one.
// It works in a cloud of its own, which it removes afterwards.
func (d *Deployment) Bake(ctx context.Context, force bool) (res BakeResult, err error) {
	bakery := *d
	bakery.Cloud, bakery.bakery = bakeryOf(d.Cloud), true
	err = bakery.exclusively(ctx, bringUp, func(ctx context.Context, _ func()) error {
		res, err = bakery.bake(ctx, force)
		return err
	})
	return res, err
}

// bakeryDisk is the image's size in GiB, which is the least that an instance of it can have, and
// what its snapshot may cost. Debian's own image has 8 GiB; with OpenStack's packages it holds 3.
const bakeryDisk = 8

// bakeryOf is the cloud whose only node becomes the image: a network and an instance.
func bakeryOf(c *cloud.Cloud) *cloud.Cloud {
	b := *c
	b.Name = c.Name + "-bake"
	b.Provider.Addresses, b.Provider.ElasticIPs, b.Provider.Pool = 0, model.ElasticIPsNone, nil
	b.Nodes, b.Evacuate = []cloud.Node{c.Nodes[0]}, false
	b.Nodes[0].Name = "bake"
	b.Nodes[0].Roles = nil
	b.Nodes[0].Disk = bakeryDisk
	b.Nodes[0].Zone, b.Nodes[0].Spot = "", false
	return &b
}

func (d *Deployment) bake(ctx context.Context, force bool) (BakeResult, error) {
	var img images.Image
	err := d.await(phaseInfra, "look for an image", func() (err error) {
		img, err = images.Find(ctx, d.ec2, nodeapi.PackagesHash, "")
		return err
	})
	if err != nil {
		return BakeResult{}, err
	}
	res := BakeResult{Image: img.ID, Packages: nodeapi.PackagesHash}
	needed := img.Kind != images.Baked || force
	seen, err := d.look(ctx)
	if err != nil {
		return BakeResult{}, err
	}
	// Continue what a killed run has left, if possible.
	if seen.Sealed() || !needed && !seen.Empty() {
		d.Progress.Note(phaseBake, "removing the instance of an earlier run")
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

// makeImage makes the image in the bakery and then removes the bakery, also after a failure.
func (d *Deployment) makeImage(ctx context.Context) (id string, err error) {
	defer func() {
		if err != nil && ctx.Err() == nil {
			d.Progress.Note(phaseBake, "failed; removing it: "+err.Error())
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
	h, err := d.reachNew(ctx, nodes[0], nil, "SSH at "+nodes[0].ManagementPublic)
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
	if _, err := d.job(ctx, h, job, func(string) {}); err != nil {
		return "", err
	}
	// Tag first: from the start of the next job, the instance is good for nothing else.
	if err := images.Seal(ctx, d.ec2, nodes[0].InstanceID); err != nil {
		return "", err
	}
	last := host.Job{Name: "macaw-node-generalize", Command: []string{nodeapi.Program, "generalize"}}
	if _, err := d.job(ctx, h, last, func(string) {}); err != nil {
		return "", err
	}
	err = d.do(phaseBake, "stop the instance and make the image", func() error {
		id, err = images.Bake(ctx, d.ec2, nodes[0].InstanceID, nodeapi.PackagesHash)
		return err
	})
	return id, err
}

// removeBakery removes the bakery from AWS and from the operator's files.
func (d *Deployment) removeBakery(ctx context.Context) error {
	done, err := d.removeInfra(ctx)
	if err != nil {
		return err
	}
	if err := done.Left(); err != nil {
		return err
	}
	return d.forget(nil)
}

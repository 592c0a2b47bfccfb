// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"

	"macaw.example/internal/host"
	"macaw.example/internal/infra"
	"macaw.example/internal/inventory"
)

// DownResult is what was removed of a cloud.
type DownResult struct {
	Cloud   string   `json:"cloud"`
	Removed []string `json:"removed"` // kinds of resources
	// Kept has the resources that stay because others use them.
	Kept    []infra.Kept `json:"kept,omitempty"`
	LabDown bool         `json:"labDown"` // the lab was empty and was removed
}

// Down removes the cloud's AWS resources in the order that AWS requires, its entries in this
// operator's files, and a lab that is empty then. Resources that others use stay: they are in the
// result, and the error says so.
func (d *Deployment) Down(ctx context.Context) (res DownResult, err error) {
	err = d.exclusively(ctx, change, func(ctx context.Context, unlock func()) error {
		res, err = d.remove(ctx, unlock)
		return err
	})
	return res, d.atEndpoint(err)
}

func (d *Deployment) remove(ctx context.Context, unlock func()) (DownResult, error) {
	res := DownResult{Cloud: d.Cloud.Name, Removed: []string{}}
	var left error // about resources that others use
	foreign := []string{}
	if !d.down {
		defer d.watchLab(ctx)()
		err := d.approve(ctx)
		if err != nil {
			return res, err
		}
		if foreign, err = d.foreignKeys(ctx); err != nil {
			return res, err
		}
		done, err := d.removeInfra(ctx)
		if err != nil {
			return res, err
		}
		for _, action := range done.Removed {
			res.Removed = append(res.Removed, action.Object)
		}
		res.Kept, left = done.Kept, done.Left()
	}
	if err := d.forget(foreign); err != nil {
		return res, err
	}
	unlock() // before the lab is removed
	if d.running != nil && left == nil {
		var err error
		if res.LabDown, err = d.labDownIfEmpty(ctx); err != nil {
			return res, err
		}
	}
	return res, left
}

// removeInfra removes a cloud in AWS, and shows what stays because others use it.
func (d *Deployment) removeInfra(ctx context.Context) (_ infra.Removal, err error) {
	look := d.Progress.Begin(phaseInfra, seeStep)
	looked := sync.OnceFunc(func() { look(err) })
	defer looked()
	show := d.showActions(new(int))
	return infra.Down(ctx, d.api(), d.Cloud.Name,
		func(k infra.Kept) {
			looked()
			d.Progress.Note(phaseInfra, k.String())
		},
		func(e infra.Event) {
			looked()
			show(e)
		})
}

// foreignKeys returns the instances whose host keys are with the cloud's keys, and which are not the
// cloud's. Versions that did not write which target a directory is of used it for clouds of one name
// in all regions.
func (d *Deployment) foreignKeys(ctx context.Context) ([]string, error) {
	_, err := os.Stat(d.Home.targetFile(d.Cloud.Name))
	if err == nil || d.Cloud.InLab() {
		return nil, nil
	}
	known, err := host.HostKeys{Path: d.Home.knownHosts(d.Cloud.Name)}.Names()
	if err != nil || len(known) == 0 {
		return nil, err
	}
	seen, err := d.lookForNodes(ctx)
	return slices.DeleteFunc(known, func(name string) bool {
		return slices.ContainsFunc(seen.Instances, func(i inventory.Instance) bool { return i.ID == name })
	}), err
}

// forget removes the cloud from the operator's files. It keeps keys that may be those of other
// instances.
func (d *Deployment) forget(foreign []string) error {
	if len(foreign) > 0 {
		d.note(phaseHost,
			"%s stays: its keys may be those of cloud %s in another region, with %s; remove it if there is none",
			d.Home.of(d.Cloud.Name), d.Cloud.Name, strings.Join(foreign, " and "))
		return nil
	}
	return errors.Join(d.Home.dropCloud(d.Cloud.Name), os.RemoveAll(d.Home.of(d.Cloud.Name)))
}

// labDownIfEmpty removes the lab if it has no cloud left.
func (d *Deployment) labDownIfEmpty(ctx context.Context) (bool, error) {
	empty, err := inventory.Vacant(ctx, d.ec2)
	if err != nil || !empty {
		return false, err
	}
	err = d.do(phaseLab, "remove namespaces, mounts and routes", func() error { return d.labHost().Down(ctx) })
	return err == nil, err
}

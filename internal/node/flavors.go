// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/gophercloud/gophercloud/v2"
	compute "github.com/gophercloud/gophercloud/v2/openstack/compute/v2/flavors"

	"macaw.example/internal/neutron"
)

// flavor is a size of guest. Disk is in GiB and at least 1: only administrators may use disks of
// the image's size. Each fits on a default node (a volume of 40 GiB), and in a lab with 2 cores: Placement
// offers no guest more than its host has.
type flavor struct {
	Name  string
	VCPUs int
	RAM   int // MiB
	Disk  int
}

var flavors = []flavor{
	{"m1.nano", 1, 160, 1},
	{"m1.tiny", 1, 512, 1},
	{"m1.small", 1, 2048, 20},
	{"m1.medium", 2, 4096, 20},
}

// ensureFlavors makes the usual flavors that are missing. It leaves existing ones alone.
func ensureFlavors(ctx context.Context, c *client) error {
	api, err := c.open(ctx, neutron.Compute)
	if err != nil {
		return err
	}
	pages, err := compute.ListDetail(api, compute.ListOpts{AccessType: compute.AllAccess}).AllPages(ctx)
	if err != nil {
		return fmt.Errorf("listing flavors: %w", err)
	}
	seen, err := compute.ExtractFlavors(pages)
	if err != nil {
		return fmt.Errorf("listing flavors: %w", err)
	}
	var names []string
	for _, f := range seen {
		names = append(names, f.Name)
	}
	missing := missingFlavors(names)
	if len(missing) == 0 {
		return errNothingToDo
	}
	for _, f := range missing {
		_, err := compute.Create(ctx, api,
			compute.CreateOpts{Name: f.Name, VCPUs: f.VCPUs, RAM: f.RAM, Disk: &f.Disk}).Extract()
		if err != nil && !gophercloud.ResponseCodeIs(err, http.StatusConflict) {
			return fmt.Errorf("making flavor %s: %w", f.Name, err)
		}
	}
	return nil
}

func missingFlavors(seen []string) []flavor {
	var missing []flavor
	for _, f := range flavors {
		if !slices.Contains(seen, f.Name) {
			missing = append(missing, f)
		}
	}
	return missing
}

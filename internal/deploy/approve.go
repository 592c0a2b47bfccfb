// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"
	"fmt"
	"strings"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/infra"
	"macaw.example/internal/inventory"
)

// Removing is what Down is about to remove.
type Removing struct {
	Cloud string
	Where string // "the lab", or the account and its region
	// Losses are, for display, the instances with their volumes, and the Elastic IPs. Other counts other resources.
	Losses []string
	Other  int
}

// String lists it, for display.
func (r Removing) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Cloud %s in %s would be removed:\n", r.Cloud, r.Where)
	for _, line := range r.Losses {
		fmt.Fprintf(&b, "  %s\n", line)
	}
	if r.Other > 0 {
		fmt.Fprintf(&b, "  other resources: %d\n", r.Other)
	}
	return b.String()
}

// approve asks whether a cloud may be removed, unless there is nothing of it.
func (d *Deployment) approve(ctx context.Context) error {
	if d.Approve == nil {
		return nil
	}
	var seen inventory.Seen
	r := Removing{Cloud: d.Cloud.Name}
	err := awsapi.Reads(ctx,
		func(ctx context.Context) (err error) {
			seen, err = d.look(ctx)
			return err
		},
		func(ctx context.Context) error {
			r.Where = d.where(ctx)
			return nil
		})
	if err != nil || seen.Empty() {
		return err
	}
	r.Losses, r.Other = infra.Irreplaceable(seen)
	return d.Approve(ctx, r)
}

// where names the account and its region, for display.
func (d *Deployment) where(ctx context.Context) string {
	if d.Cloud.InLab() {
		return "the lab"
	}
	me, _ := d.callerIdentity(ctx) // without an answer, it has the region
	return me.String()
}

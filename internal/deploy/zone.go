// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/cloud"
	"macaw.example/internal/hint"
	"macaw.example/internal/infra"
	"macaw.example/internal/inventory"
	"macaw.example/internal/preflight"
)

// leaveZone removes the cloud's network from a zone that has no capacity for its nodes, so that the
// next plan makes it in another one. It returns the zones to avoid from now on. The cloud must not
// have an instance, and the cloud file must not name the zone; refused is AWS's refusal to launch.
func (d *Deployment) leaveZone(ctx context.Context, refused error, full []string) ([]string, error) {
	if d.Cloud.AvailabilityZone != "" {
		return nil, hint.With(refused, "without availabilityZone in the file, macaw up tries the other zones")
	}
	seen, err := d.look(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := infra.PlanVacate(seen); errors.Is(err, infra.ErrOccupied) {
		return nil, hint.With(refused, "the node's disk is in this zone and cannot leave it: try again later, or give the "+
			"node another type")
	}
	zone := infra.SubnetZone(d.Cloud, seen)
	full = append(full, zone)
	offers, err := preflight.Offers(ctx, d.ec2, d.Cloud, func(ctx context.Context) (infra.Types, error) {
		return infra.AskTypes(ctx, d.ec2, d.Cloud)
	})
	if err != nil {
		return nil, err
	}
	next := preflight.Zone(preflight.Account{Types: offers}, d.Cloud, inventory.Seen{Zones: seen.Zones}, full...)
	if next == "" {
		return nil, hint.With(refused, "no other zone of %s is left to try", seen.Region)
	}
	d.note(phaseInfra, "%s has no capacity for %s at the moment: moving the cloud's network to %s (%s)", zone,
		strings.Join(sharedTypes(d.Cloud), ", "), next, awsapi.Code(refused))
	return full, infra.Vacate(ctx, d.api(), seen, d.showActions(new(int)))
}

// sharedTypes are the instance types of the nodes in the cloud's zone.
func sharedTypes(c *cloud.Cloud) (all []string) {
	for _, n := range c.Nodes {
		if n.Zone == "" && !slices.Contains(all, n.Type) {
			all = append(all, n.Type)
		}
	}
	return all
}

// inRegion explains a refusal of all credentials: AWS refuses them in a region that the account has
// not opted in to, as it refuses wrong ones (Account Management Reference, manage-acct-regions). A
// region that every account has tells which it is.
func (d *Deployment) inRegion(ctx context.Context, err error) error {
	code := awsapi.Code(err)
	if d.ec2 == nil || code != "AuthFailure" && code != "OptInRequired" && code != "InvalidClientTokenId" {
		return err
	}
	out, regionErr := d.ec2.DescribeRegions(ctx, &ec2.DescribeRegionsInput{RegionNames: []string{region(d.Cloud)}},
		func(o *ec2.Options) { o.Region = awsapi.HomeRegion(o.Region) })
	if regionErr != nil || len(out.Regions) == 0 || aws.ToString(out.Regions[0].OptInStatus) != "not-opted-in" {
		return d.atEndpoint(err)
	}
	hint := "aws account enable-region --region-name " + region(d.Cloud) + ", which takes some minutes; or another region"
	return d.Cloud.Reject("target", hint, "the account has not opted in to region %s", region(d.Cloud))
}

// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/cloud"
	"macaw.example/internal/model"
)

// Account is what AWS offers in the region, and the account's quotas. It is read before anything is
// made.
type Account struct {
	// Types has the cloud's instance types that the region offers, by name.
	Types map[string]TypeOffer
	// ElasticIPs counts the region's, including the cloud's own.
	ElasticIPs Quota
}

// TypeOffer is an instance type.
type TypeOffer struct {
	// Zones offer the type, in AWS's order.
	Zones []string
	VCPUs int32
	// Architectures are the ones that it boots.
	Architectures []string
	// Addresses is how many private addresses an ENI takes, of each family.
	Addresses int32
}

// Quota is how many of a resource an account may have, and has.
type Quota struct {
	// Limit is negative if AWS does not report one.
	Limit, Held int
}

// Ask reads the offers for a cloud's instance types and the quotas.
func Ask(ctx context.Context, api EC2, c *cloud.Cloud) (Account, error) {
	a := Account{Types: map[string]TypeOffer{}}
	for _, n := range c.Nodes {
		if err := a.askType(ctx, api, n.Type); err != nil {
			return a, fmt.Errorf("asking AWS about instance type %s: %w", n.Type, err)
		}
	}
	var err error
	if a.ElasticIPs, err = askElasticIPs(ctx, api); err != nil {
		return a, fmt.Errorf("asking AWS for the quota of Elastic IPs: %w", err)
	}
	return a, nil
}

func (a Account) askType(ctx context.Context, api EC2, name string) error {
	out, err := api.DescribeInstanceTypes(ctx,
		&ec2.DescribeInstanceTypesInput{InstanceTypes: []types.InstanceType{types.InstanceType(name)}})
	if errorCode(err) == "InvalidInstanceType" || err == nil && len(out.InstanceTypes) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	var offer TypeOffer
	t := out.InstanceTypes[0]
	if t.VCpuInfo != nil {
		offer.VCPUs = aws.ToInt32(t.VCpuInfo.DefaultVCpus)
	}
	if t.ProcessorInfo != nil {
		for _, architecture := range t.ProcessorInfo.SupportedArchitectures {
			offer.Architectures = append(offer.Architectures, string(architecture))
		}
	}
	if t.NetworkInfo != nil {
		offer.Addresses = aws.ToInt32(t.NetworkInfo.Ipv4AddressesPerInterface)
	}
	in := &ec2.DescribeInstanceTypeOfferingsInput{LocationType: types.LocationTypeAvailabilityZone,
		Filters: []types.Filter{awsapi.Filter("instance-type", name)}}
	zones, err := awsapi.Collect(ctx, ec2.NewDescribeInstanceTypeOfferingsPaginator(api, in),
		func(out *ec2.DescribeInstanceTypeOfferingsOutput) []types.InstanceTypeOffering {
			return out.InstanceTypeOfferings
		})
	if err != nil {
		return err
	}
	for _, o := range zones {
		offer.Zones = append(offer.Zones, aws.ToString(o.Location))
	}
	sort.Strings(offer.Zones)
	a.Types[name] = offer
	return nil
}

// askElasticIPs takes the quota from the account's attributes (EC2 API Reference,
// DescribeAccountAttributes). Addresses of the customer's own range (BYOIP) do not count (VPC User
// Guide, amazon-vpc-limits).
func askElasticIPs(ctx context.Context, api EC2) (Quota, error) {
	const attribute = "vpc-max-elastic-ips"
	q := Quota{Limit: -1}
	out, err := api.DescribeAccountAttributes(ctx,
		&ec2.DescribeAccountAttributesInput{AttributeNames: []types.AccountAttributeName{attribute}})
	if err != nil {
		return q, err
	}
	for _, a := range out.AccountAttributes {
		if aws.ToString(a.AttributeName) != attribute || len(a.AttributeValues) == 0 {
			continue
		}
		if q.Limit, err = strconv.Atoi(aws.ToString(a.AttributeValues[0].AttributeValue)); err != nil {
			return q, fmt.Errorf("reading %s: %w", attribute, err)
		}
	}
	addresses, err := findAddresses(ctx, api)
	if err != nil {
		return q, err
	}
	for _, a := range addresses {
		if pool := aws.ToString(a.PublicIpv4Pool); pool == "" || pool == "amazon" {
			q.Held++
		}
	}
	return q, nil
}

// PlanIn is PlanUp within an account: it picks the zone that offers the cloud's instance types, and
// rejects a plan beyond the account's quotas. Errors name the place in the cloud file.
func PlanIn(a Account, w Wanted, s Seen) (*Plan, error) {
	var err error
	if w.Zone, err = a.zone(w.Cloud, s); err != nil {
		return nil, err
	}
	p, err := PlanUp(w, s)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(a.checkNodes(p), a.checkElasticIPs(p)); err != nil {
		return nil, err
	}
	p.Needs = a.needs(p)
	return p, nil
}

// zone returns the zone of the subnets, existing or planned.
func (a Account) zone(c *cloud.Cloud, s Seen) (string, error) {
	b := &up{Plan: &Plan{ids: map[string]string{}}, c: c, s: s}
	if v := b.vpc(); v != nil {
		b.ids[partVPC] = v.ID
		if zone := b.subnetZone(); zone != "" {
			return zone, nil
		}
	}
	if c.AvailabilityZone != "" {
		if !slices.Contains(s.Zones, c.AvailabilityZone) {
			return "", c.Reject("availabilityZone", "available are "+strings.Join(s.Zones, ", "),
				"AWS does not offer %s to this account in %s", c.AvailabilityZone, s.Region)
		}
		return c.AvailabilityZone, nil
	}
	for _, zone := range s.Zones {
		elsewhere := func(n cloud.Node) bool { return !slices.Contains(a.Types[n.Type].Zones, zone) }
		if !slices.ContainsFunc(c.Nodes, elsewhere) {
			return zone, nil
		}
	}
	return "", nil // checkNodes reports which node is the reason
}

// checkNodes checks that the planned instances can be launched.
func (a Account) checkNodes(p *Plan) error {
	var errs []error
	c, zone, image := p.wanted.Cloud, p.wanted.Zone, p.wanted.Image
	for i, n := range c.Nodes {
		part := partInstance(n.Name)
		if !p.makes(part) && !p.makes(part+"/type") {
			continue
		}
		reject := func(field, hint, format string, args ...any) {
			errs = append(errs, c.Reject(fmt.Sprintf("nodes[%d].%s", i, field), hint, format, args...))
		}
		offer, ok := a.Types[n.Type]
		switch {
		case !ok:
			reject("type", "aws ec2 describe-instance-types lists them", "AWS has no instance type %s here", n.Type)
		case !slices.Contains(offer.Architectures, "x86_64"):
			reject("type", "", "%s is of architecture %s, and Macaw's images are for x86_64", n.Type,
				strings.Join(offer.Architectures, ", "))
		case len(offer.Zones) == 0:
			reject("type", "another type, or another region", "no zone of the region has %s", n.Type)
		case !slices.Contains(offer.Zones, zone):
			reject("type", "zones that have it: "+strings.Join(offer.Zones, ", "),
				"%s is not to be had in %s", n.Type, zone)
		default:
			errs = append(errs, checkCarried(c, n, int(offer.Addresses)))
		}
		if p.makes(part) && image.Size > int32(n.Disk) {
			reject("disk", "", "%d GiB is too little for image %s, which has %d", n.Disk, image.ID, image.Size)
		}
	}
	return errors.Join(errs...)
}

// checkCarried checks that the node's ENI takes the addresses that are made with the cloud: the
// cloud file's parser knows the common types only.
func checkCarried(c *cloud.Cloud, n cloud.Node, each int) error {
	if c.Provider.ElasticIPs != model.ElasticIPsAll || c.Provider.Addresses < each {
		return nil
	}
	return c.Reject("provider.addresses", fmt.Sprintf("at most %d here, or another type for node %s", each-1, n.Name),
		"%d are too many for %s: it carries %d addresses on an ENI, its primary one included",
		c.Provider.Addresses, n.Type, each)
}

// makes reports whether the plan has an action with this ID that is not a removal.
func (p *Plan) makes(id string) bool {
	return slices.ContainsFunc(p.Actions,
		func(a Action) bool { return a.ID == id && a.Verb != Delete && a.Verb != Start })
}

// elasticIPs returns how many Elastic IPs the plan allocates, less those that it releases.
func (p *Plan) elasticIPs() (more int) {
	for _, a := range p.Actions {
		switch {
		case a.Object != "elastic ip":
		case a.Verb == Create:
			more++
		case a.Verb == Delete:
			more--
		}
	}
	return more
}

func (a Account) checkElasticIPs(p *Plan) error {
	more, q := p.elasticIPs(), a.ElasticIPs
	if more <= 0 || q.Limit < 0 || q.Held+more <= q.Limit {
		return nil
	}
	hint := fmt.Sprintf("release some (aws ec2 describe-addresses lists them), or ask AWS for more: Service Quotas, %s",
		elasticIPQuota)
	if p.wanted.Cloud.Provider.Made() > 0 {
		hint += "; with fewer provider.addresses, or provider.elasticIPs: on-demand, the cloud takes fewer"
	}
	return p.wanted.Cloud.Reject("provider.elasticIPs", hint,
		"the cloud needs %d more Elastic IPs, and the account has %d of at most %d in the region",
		more, q.Held, q.Limit)
}

// Codes of the quotas in Service Quotas.
const (
	elasticIPQuota = "L-0263D0A3"
	vcpuQuota      = "L-1216C47A"
)

// needs lists, for display, what the plan consumes of the account's quotas.
func (a Account) needs(p *Plan) []string {
	var out []string
	if more, q := p.elasticIPs(), a.ElasticIPs; more > 0 && q.Limit >= 0 {
		text := fmt.Sprintf("%d more Elastic IPs; the account has %d of at most %d in the region",
			more, q.Held, q.Limit)
		if q.Held+more+1 > q.Limit {
			text += ", and macaw bake meanwhile would need one more"
		}
		out = append(out, text)
	}
	var vcpus int32
	for _, n := range p.wanted.Cloud.Nodes {
		if p.makes(partInstance(n.Name)) {
			vcpus += a.Types[n.Type].VCPUs
		}
	}
	if vcpus > 0 {
		out = append(
			out,
			fmt.Sprintf("%d vCPUs; a new account may have as few as 5 (aws service-quotas get-service-quota "+
				"--service-code ec2 --quota-code %s), and macaw bake needs as many at the same time", vcpus, vcpuQuota),
		)
	}
	return out
}

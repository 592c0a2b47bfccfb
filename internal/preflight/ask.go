// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/cloud"
	"macaw.example/internal/images"
	"macaw.example/internal/infra"
)

// Quotas is the subset of Service Quotas that this package uses; *servicequotas.Client implements
// it.
type Quotas interface {
	GetServiceQuota(context.Context, *servicequotas.GetServiceQuotaInput, ...func(*servicequotas.Options)) (
		*servicequotas.GetServiceQuotaOutput, error)
}

// Clients are the AWS API clients that this package uses.
type Clients struct {
	EC2 infra.EC2
	// Quotas may be nil: the quotas are then unknown. So may the others.
	Quotas    Quotas
	Keys      Keys
	Simulator Simulator
	Identity  Identity
}

// Question is the cloud that an account is to carry.
type Question struct {
	Cloud  *cloud.Cloud
	Region string
	// Types returns what AWS says of the types of the cloud's nodes, and Image the one that nodes boot; the zero
	// value if there is none. Each is called once, while the account is asked for the rest.
	Types func(context.Context) (infra.Types, error)
	Image func(context.Context) (images.Image, error)
	// Bakery means that the instance becomes an image: it needs no Elastic IP.
	Bakery bool
}

// asker reads an account. Its functions run in parallel, so that the answers take the round trips of the longest,
// askRights, rather than of all.
type asker struct {
	Clients
	Question

	mu sync.Mutex
	Account
}

// Ask reads what AWS says of the account. Only what every cloud needs is an error; other questions
// that AWS does not answer, for want of rights or in partitions that lack them, are noted in
// Unknown.
func Ask(ctx context.Context, c Clients, q Question) (Account, error) {
	a := &asker{Clients: c, Question: q, Account: Account{
		Types: map[string]Type{}, ElasticIPs: Quota{Limit: -1}, VCPUs: Quota{Limit: -1}, SpotVCPUs: Quota{Limit: -1},
		Managed: map[string]bool{}, Denied: map[string]error{}, Unknown: map[string]error{},
	}}
	reads := []func(context.Context) error{
		func(ctx context.Context) (err error) {
			a.Account.Types, err = Offers(ctx, c.EC2, q.Cloud, q.Types)
			return err
		},
		func(ctx context.Context) error {
			if err := a.askElasticIPs(ctx); err != nil {
				return fmt.Errorf("asking AWS for the quota of Elastic IPs: %w", err)
			}
			return nil
		},
		a.try, a.askVCPUs,
	}
	for check, ask := range map[string]func(context.Context) error{
		checkEncryption: a.askEncryption, checkPublicAccess: a.askPublicAccess,
		checkImage: a.askImages, checkMetadata: a.askMetadata, checkRights: a.askRights,
	} {
		reads = append(reads, func(ctx context.Context) error { return a.unknown(ctx, check, ask(ctx)) })
	}
	err := awsapi.Reads(ctx, reads...)
	return a.Account, err
}

// unknown notes why there is no answer for a check, if there is none. Its error is only the end of all.
func (a *asker) unknown(ctx context.Context, check string, err error) error {
	if err != nil && ctx.Err() == nil {
		a.set(func() { a.Unknown[check] = err })
	}
	return ctx.Err()
}

func (a *asker) set(change func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change()
}

// Offers asks where AWS offers the instance types of a cloud's nodes, by name. Those that the region does not have
// are missing. ask is for [infra.AskTypes], and runs meanwhile.
func Offers(
	ctx context.Context, api infra.EC2, c *cloud.Cloud, ask func(context.Context) (infra.Types, error),
) (map[string]Type, error) {
	var mu sync.Mutex
	var known infra.Types
	zones := map[string][]string{}
	reads := []func(context.Context) error{func(ctx context.Context) (err error) {
		known, err = ask(ctx)
		return err
	}}
	for _, n := range c.Nodes {
		if _, there := zones[n.Type]; there {
			continue
		}
		zones[n.Type] = nil
		reads = append(reads, func(ctx context.Context) error {
			found, err := zonesOf(ctx, api, n.Type)
			if err != nil {
				return fmt.Errorf("asking AWS about instance type %s: %w", n.Type, err)
			}
			mu.Lock()
			defer mu.Unlock()
			zones[n.Type] = found
			return nil
		})
	}
	if err := awsapi.Reads(ctx, reads...); err != nil {
		return nil, err
	}
	all := map[string]Type{}
	for name, where := range zones {
		if t, ok := known[name]; ok {
			all[name] = offerOf(t, where)
		}
	}
	return all, nil
}

func offerOf(t types.InstanceTypeInfo, zones []string) Type {
	offer := Type{FreeTier: aws.ToBool(t.FreeTierEligible), Zones: zones,
		Spot: slices.Contains(t.SupportedUsageClasses, types.UsageClassTypeSpot)}
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
	return offer
}

// zonesOf asks for the zones of a type, in ascending order.
func zonesOf(ctx context.Context, api infra.EC2, name string) (zones []string, err error) {
	in := &ec2.DescribeInstanceTypeOfferingsInput{LocationType: types.LocationTypeAvailabilityZone,
		Filters: []types.Filter{awsapi.Filter("instance-type", name)}}
	offers, err := awsapi.Collect(ctx, ec2.NewDescribeInstanceTypeOfferingsPaginator(api, in),
		func(out *ec2.DescribeInstanceTypeOfferingsOutput) []types.InstanceTypeOffering {
			return out.InstanceTypeOfferings
		})
	for _, o := range offers {
		zones = append(zones, aws.ToString(o.Location))
	}
	slices.Sort(zones)
	return zones, err
}

// askElasticIPs takes the quota from the account's attributes (EC2 API Reference,
// DescribeAccountAttributes). Addresses of the customer's own range (BYOIP) do not count (VPC User
// Guide, amazon-vpc-limits).
func (a *asker) askElasticIPs(ctx context.Context) error {
	limit, held := -1, 0
	err := awsapi.Reads(ctx,
		func(ctx context.Context) (err error) {
			limit, err = a.elasticIPQuota(ctx)
			return err
		},
		func(ctx context.Context) error {
			// DescribeAddresses has no pages.
			addresses, err := a.EC2.DescribeAddresses(ctx, &ec2.DescribeAddressesInput{})
			if err != nil {
				return err
			}
			for _, address := range addresses.Addresses {
				if pool := aws.ToString(address.PublicIpv4Pool); pool == "" || pool == "amazon" {
					held++
				}
			}
			return nil
		})
	a.set(func() { a.ElasticIPs = Quota{Limit: limit, Held: held} })
	return err
}

// elasticIPQuota returns -1 if AWS does not tell it.
func (a *asker) elasticIPQuota(ctx context.Context) (limit int, err error) {
	const attribute = "vpc-max-elastic-ips"
	out, err := a.EC2.DescribeAccountAttributes(ctx,
		&ec2.DescribeAccountAttributesInput{AttributeNames: []types.AccountAttributeName{attribute}})
	if err != nil {
		return -1, err
	}
	limit = -1
	for _, v := range out.AccountAttributes {
		if aws.ToString(v.AttributeName) != attribute || len(v.AttributeValues) == 0 {
			continue
		}
		if limit, err = strconv.Atoi(aws.ToString(v.AttributeValues[0].AttributeValue)); err != nil {
			return -1, fmt.Errorf("reading %s: %w", attribute, err)
		}
	}
	return limit, nil
}

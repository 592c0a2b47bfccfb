// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"
	"golang.org/x/sync/errgroup"

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
	// Types has what AWS says of the types of the cloud's nodes.
	Types infra.Types
	// Image is the one that nodes boot; the zero value if there is none.
	Image images.Image
	// Bakery means that the instance becomes an image: it needs no Elastic IP.
	Bakery bool
}

// asker reads an account. Its functions run in parallel, so that the answers take one round trip
// rather than ten.
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
	g, ctx := errgroup.WithContext(ctx)
	var names []string
	for _, n := range q.Cloud.Nodes {
		names = append(names, n.Type)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		g.Go(func() error {
			if err := a.askType(ctx, name); err != nil {
				return fmt.Errorf("asking AWS about instance type %s: %w", name, err)
			}
			return nil
		})
	}
	g.Go(func() error {
		if err := a.askElasticIPs(ctx); err != nil {
			return fmt.Errorf("asking AWS for the quota of Elastic IPs: %w", err)
		}
		return nil
	})
	for check, ask := range map[string]func(context.Context) error{
		checkVCPUs: a.askVCPUs, checkSpotVCPUs: a.askSpotVCPUs,
		checkEncryption: a.askEncryption, checkPublicAccess: a.askPublicAccess,
		checkImage: a.askImages, checkMetadata: a.askMetadata, checkRights: a.askRights,
	} {
		g.Go(func() error {
			err := ask(ctx)
			if err == nil || ctx.Err() != nil {
				return ctx.Err()
			}
			a.set(func() { a.Unknown[check] = err })
			return nil
		})
	}
	g.Go(func() error { return a.try(ctx) })
	err := g.Wait()
	return a.Account, err
}

func (a *asker) set(change func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change()
}

// askType asks for the zones of a type. [infra.AskTypes] has asked for the rest.
func (a *asker) askType(ctx context.Context, name string) error {
	t, ok := a.Question.Types[name]
	if !ok {
		return nil
	}
	offer := Type{FreeTier: aws.ToBool(t.FreeTierEligible),
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
	in := &ec2.DescribeInstanceTypeOfferingsInput{LocationType: types.LocationTypeAvailabilityZone,
		Filters: []types.Filter{awsapi.Filter("instance-type", name)}}
	zones, err := awsapi.Collect(ctx, ec2.NewDescribeInstanceTypeOfferingsPaginator(a.EC2, in),
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
	a.set(func() { a.Account.Types[name] = offer })
	return nil
}

// askElasticIPs takes the quota from the account's attributes (EC2 API Reference,
// DescribeAccountAttributes). Addresses of the customer's own range (BYOIP) do not count (VPC User
// Guide, amazon-vpc-limits).
func (a *asker) askElasticIPs(ctx context.Context) error {
	const attribute = "vpc-max-elastic-ips"
	q := Quota{Limit: -1}
	out, err := a.EC2.DescribeAccountAttributes(ctx,
		&ec2.DescribeAccountAttributesInput{AttributeNames: []types.AccountAttributeName{attribute}})
	if err != nil {
		return err
	}
	for _, v := range out.AccountAttributes {
		if aws.ToString(v.AttributeName) != attribute || len(v.AttributeValues) == 0 {
			continue
		}
		if q.Limit, err = strconv.Atoi(aws.ToString(v.AttributeValues[0].AttributeValue)); err != nil {
			return fmt.Errorf("reading %s: %w", attribute, err)
		}
	}
	// DescribeAddresses has no pages.
	addresses, err := a.EC2.DescribeAddresses(ctx, &ec2.DescribeAddressesInput{})
	if err != nil {
		return err
	}
	for _, address := range addresses.Addresses {
		if pool := aws.ToString(address.PublicIpv4Pool); pool == "" || pool == "amazon" {
			q.Held++
		}
	}
	a.set(func() { a.ElasticIPs = q })
	return nil
}

package infra

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"
)

// fake is an EC2 that knows what this package relies on: tags, tokens, states
// that take a while, and what may not be removed before what.
type fake struct {
	mu    sync.Mutex
	calls []string
	// fail may refuse a call; n counts from 1.
	fail func(op string, n int) error
	// kill is called when the killAt-th call has taken effect; its answer is lost.
	killAt int
	kill   func()

	next         int
	quota        int // Elastic IPs
	vpcs         map[string]*types.Vpc
	dns          map[string]bool
	gateways     map[string]*types.InternetGateway
	subnets      map[string]*types.Subnet
	tables       map[string]*types.RouteTable
	groups       map[string]*types.SecurityGroup
	keys         map[string]*types.KeyPairInfo
	enis         map[string]*types.NetworkInterface
	instances    map[string]*types.Instance
	addresses    map[string]*types.Address
	tokens       map[string]string
	userData     map[string]*string
	reservations map[string]*types.SubnetCidrReservation
	iam          fakeIAM
	images       []types.Image
	imageIn      []*ec2.DescribeImagesInput
}

func newFake() *fake {
	return &fake{
		quota: 20, vpcs: map[string]*types.Vpc{}, dns: map[string]bool{}, gateways: map[string]*types.InternetGateway{},
		subnets: map[string]*types.Subnet{}, tables: map[string]*types.RouteTable{}, groups: map[string]*types.SecurityGroup{},
		keys: map[string]*types.KeyPairInfo{}, enis: map[string]*types.NetworkInterface{}, instances: map[string]*types.Instance{},
		addresses: map[string]*types.Address{}, tokens: map[string]string{}, userData: map[string]*string{},
		reservations: map[string]*types.SubnetCidrReservation{}, iam: newFakeIAM(),
	}
}

// clients are the fake as both APIs.
func (f *fake) clients() Clients { return Clients{f, f} }

func apiError(code string) error { return &smithy.GenericAPIError{Code: code, Message: code} }

func do[T any](ctx context.Context, f *fake, op string, g func() (*T, error)) (*T, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f.calls = append(f.calls, op)
	if f.fail != nil {
		if err := f.fail(op, len(f.calls)); err != nil {
			return nil, err
		}
	}
	out, err := g()
	if f.killAt == len(f.calls) {
		f.kill()
		return nil, context.Canceled
	}
	return out, err
}

func (f *fake) newID(prefix string) *string {
	f.next++
	return aws.String(fmt.Sprintf("%s-%017x", prefix, f.next))
}

func tagsIn(specs []types.TagSpecification) []types.Tag {
	if len(specs) == 0 {
		return nil
	}
	return specs[0].Tags
}

// list returns what passes the one filter by tag that See sends, in any order.
func list[T any](m map[string]*T, filters []types.Filter, tags func(*T) []types.Tag) []T {
	var out []T
	for _, v := range m {
		ok := true
		for _, f := range filters {
			if key, is := strings.CutPrefix(*f.Name, "tag:"); is {
				ok = ok && slices.Contains(f.Values, tag(tags(v), key))
			}
			if s, is := any(v).(*types.Subnet); is && *f.Name == "vpc-id" {
				ok = ok && slices.Contains(f.Values, *s.VpcId)
			}
		}
		if ok {
			out = append(out, *v)
		}
	}
	return out
}

// left returns everything that exists, for tests that look for leaks.
func (f *fake) left() (out []string) {
	add := func(ids ...string) { out = append(out, ids...) }
	for id := range f.vpcs {
		add(id)
	}
	for id := range f.gateways {
		add(id)
	}
	for id := range f.subnets {
		add(id)
	}
	for id := range f.tables {
		add(id)
	}
	for id := range f.groups {
		add(id)
	}
	for id := range f.keys {
		add(id)
	}
	for id := range f.enis {
		add(id)
	}
	for id, i := range f.instances {
		if i.State.Name != types.InstanceStateNameTerminated {
			add(id)
		}
	}
	for id := range f.addresses {
		add(id)
	}
	for id := range f.reservations {
		add(id)
	}
	for name := range f.iam.roles {
		add("role " + name)
	}
	for name := range f.iam.profiles {
		add("profile " + name)
	}
	slices.Sort(out)
	return out
}

func (f *fake) DescribeAvailabilityZones(ctx context.Context, in *ec2.DescribeAvailabilityZonesInput, _ ...options) (*ec2.DescribeAvailabilityZonesOutput, error) {
	return do(ctx, f, "DescribeAvailabilityZones", func() (*ec2.DescribeAvailabilityZonesOutput, error) {
		return &ec2.DescribeAvailabilityZonesOutput{AvailabilityZones: []types.AvailabilityZone{
			{ZoneName: aws.String("lab-1b"), RegionName: aws.String("lab-1")}, {ZoneName: aws.String("lab-1a"), RegionName: aws.String("lab-1")}}}, nil
	})
}

func (f *fake) DescribeVpcs(ctx context.Context, in *ec2.DescribeVpcsInput, _ ...options) (*ec2.DescribeVpcsOutput, error) {
	return do(ctx, f, "DescribeVpcs", func() (*ec2.DescribeVpcsOutput, error) {
		if len(in.VpcIds) > 0 {
			v := f.vpcs[in.VpcIds[0]]
			if v == nil {
				return nil, apiError("InvalidVpcID.NotFound")
			}
			return &ec2.DescribeVpcsOutput{Vpcs: []types.Vpc{f.settleVPC(v)}}, nil
		}
		all := list(f.vpcs, in.Filters, func(v *types.Vpc) []types.Tag { return v.Tags })
		for i, v := range all {
			all[i] = f.settleVPC(f.vpcs[*v.VpcId])
		}
		return &ec2.DescribeVpcsOutput{Vpcs: all}, nil
	})
}

func (f *fake) DescribeVpcAttribute(ctx context.Context, in *ec2.DescribeVpcAttributeInput, _ ...options) (*ec2.DescribeVpcAttributeOutput, error) {
	return do(ctx, f, "DescribeVpcAttribute", func() (*ec2.DescribeVpcAttributeOutput, error) {
		on := func(b bool) *types.AttributeBooleanValue { return &types.AttributeBooleanValue{Value: aws.Bool(b)} }
		if in.Attribute == types.VpcAttributeNameEnableDnsSupport {
			return &ec2.DescribeVpcAttributeOutput{EnableDnsSupport: on(true)}, nil
		}
		return &ec2.DescribeVpcAttributeOutput{EnableDnsHostnames: on(f.dns[*in.VpcId])}, nil
	})
}

func (f *fake) DescribeSubnets(ctx context.Context, in *ec2.DescribeSubnetsInput, _ ...options) (*ec2.DescribeSubnetsOutput, error) {
	return do(ctx, f, "DescribeSubnets", func() (*ec2.DescribeSubnetsOutput, error) {
		all := list(f.subnets, in.Filters, func(v *types.Subnet) []types.Tag { return v.Tags })
		for i, s := range all {
			all[i] = f.settleSubnet(f.subnets[*s.SubnetId])
		}
		return &ec2.DescribeSubnetsOutput{Subnets: all}, nil
	})
}

func (f *fake) DescribeInternetGateways(ctx context.Context, in *ec2.DescribeInternetGatewaysInput, _ ...options) (*ec2.DescribeInternetGatewaysOutput, error) {
	return do(ctx, f, "DescribeInternetGateways", func() (*ec2.DescribeInternetGatewaysOutput, error) {
		return &ec2.DescribeInternetGatewaysOutput{InternetGateways: list(f.gateways, in.Filters, func(v *types.InternetGateway) []types.Tag { return v.Tags })}, nil
	})
}

func (f *fake) DescribeRouteTables(ctx context.Context, in *ec2.DescribeRouteTablesInput, _ ...options) (*ec2.DescribeRouteTablesOutput, error) {
	return do(ctx, f, "DescribeRouteTables", func() (*ec2.DescribeRouteTablesOutput, error) {
		return &ec2.DescribeRouteTablesOutput{RouteTables: list(f.tables, in.Filters, func(v *types.RouteTable) []types.Tag { return v.Tags })}, nil
	})
}

func (f *fake) DescribeSecurityGroups(ctx context.Context, in *ec2.DescribeSecurityGroupsInput, _ ...options) (*ec2.DescribeSecurityGroupsOutput, error) {
	return do(ctx, f, "DescribeSecurityGroups", func() (*ec2.DescribeSecurityGroupsOutput, error) {
		return &ec2.DescribeSecurityGroupsOutput{SecurityGroups: list(f.groups, in.Filters, func(v *types.SecurityGroup) []types.Tag { return v.Tags })}, nil
	})
}

func (f *fake) DescribeKeyPairs(ctx context.Context, in *ec2.DescribeKeyPairsInput, _ ...options) (*ec2.DescribeKeyPairsOutput, error) {
	return do(ctx, f, "DescribeKeyPairs", func() (*ec2.DescribeKeyPairsOutput, error) {
		return &ec2.DescribeKeyPairsOutput{KeyPairs: list(f.keys, in.Filters, func(v *types.KeyPairInfo) []types.Tag { return v.Tags })}, nil
	})
}

func (f *fake) DescribeAddresses(ctx context.Context, in *ec2.DescribeAddressesInput, _ ...options) (*ec2.DescribeAddressesOutput, error) {
	return do(ctx, f, "DescribeAddresses", func() (*ec2.DescribeAddressesOutput, error) {
		return &ec2.DescribeAddressesOutput{Addresses: list(f.addresses, in.Filters, func(v *types.Address) []types.Tag { return v.Tags })}, nil
	})
}

func (f *fake) DescribeNetworkInterfaces(ctx context.Context, in *ec2.DescribeNetworkInterfacesInput, _ ...options) (*ec2.DescribeNetworkInterfacesOutput, error) {
	return do(ctx, f, "DescribeNetworkInterfaces", func() (*ec2.DescribeNetworkInterfacesOutput, error) {
		if len(in.NetworkInterfaceIds) > 0 {
			n := f.enis[in.NetworkInterfaceIds[0]]
			if n == nil {
				return nil, apiError("InvalidNetworkInterfaceID.NotFound")
			}
			return &ec2.DescribeNetworkInterfacesOutput{NetworkInterfaces: []types.NetworkInterface{*n}}, nil
		}
		return &ec2.DescribeNetworkInterfacesOutput{NetworkInterfaces: list(f.enis, in.Filters, func(v *types.NetworkInterface) []types.Tag { return v.TagSet })}, nil
	})
}

// DescribeInstances moves instances on to the state that they are heading for.
func (f *fake) DescribeInstances(ctx context.Context, in *ec2.DescribeInstancesInput, _ ...options) (*ec2.DescribeInstancesOutput, error) {
	return do(ctx, f, "DescribeInstances", func() (*ec2.DescribeInstancesOutput, error) {
		var out []types.Instance
		if len(in.InstanceIds) > 0 {
			i := f.instances[in.InstanceIds[0]]
			if i == nil {
				return nil, apiError("InvalidInstanceID.NotFound")
			}
			out = []types.Instance{*i}
		} else {
			out = list(f.instances, in.Filters, func(v *types.Instance) []types.Tag { return v.Tags })
		}
		for n := range out {
			state := *out[n].State
			out[n].State = &state
		}
		for _, i := range f.instances {
			switch i.State.Name {
			case types.InstanceStateNamePending:
				i.State.Name = types.InstanceStateNameRunning
			case types.InstanceStateNameStopping:
				i.State.Name = types.InstanceStateNameStopped
			case types.InstanceStateNameShuttingDown:
				i.State.Name = types.InstanceStateNameTerminated
				for _, n := range f.enis {
					if n.Attachment != nil && *n.Attachment.InstanceId == *i.InstanceId {
						n.Attachment = nil
					}
				}
			}
		}
		return &ec2.DescribeInstancesOutput{Reservations: []types.Reservation{{Instances: out}}}, nil
	})
}

func (f *fake) DescribeImages(ctx context.Context, in *ec2.DescribeImagesInput, _ ...options) (*ec2.DescribeImagesOutput, error) {
	return do(ctx, f, "DescribeImages", func() (*ec2.DescribeImagesOutput, error) {
		f.imageIn = append(f.imageIn, in)
		var out []types.Image
		for _, i := range f.images {
			self := len(in.Owners) > 0 && in.Owners[0] == "self"
			ok := len(in.ImageIds) == 0 || in.ImageIds[0] == *i.ImageId
			for _, x := range in.Filters {
				if *x.Name == "tag:"+TagPackages {
					ok = ok && tag(i.Tags, TagPackages) == x.Values[0]
				}
			}
			if ok && (len(in.ImageIds) > 0 || self == (aws.ToString(i.OwnerId) == "self")) {
				out = append(out, i)
			}
		}
		return &ec2.DescribeImagesOutput{Images: out}, nil
	})
}

// fakeClock passes time by sleeping, at once.
type fakeClock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *fakeClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *fakeClock) Sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
	return ctx.Err()
}

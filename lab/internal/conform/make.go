// SPDX-License-Identifier: Apache-2.0

package conform

import (
	"net/netip"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// TagRun is the key of the tag on all resources of a run; its value is the run's name.
const TagRun = "macaw:conform"

// The intervals of waiters.
const (
	soon = time.Second
	late = 5 * time.Second
)

// tags are the tags of the run's resources.
func (b *bench) tags(of types.ResourceType) []types.TagSpecification {
	return []types.TagSpecification{{ResourceType: of, Tags: []types.Tag{
		{Key: aws.String(TagRun), Value: &b.cfg.Run}, {Key: aws.String("Name"),
			Value: aws.String("macaw-conform " + b.check)}}}}
}

// filters have one value each; pairs are name and value in turn.
func filters(pairs ...string) []types.Filter {
	var all []types.Filter
	for i := 0; i+1 < len(pairs); i += 2 {
		all = append(all, types.Filter{Name: &pairs[i], Values: []string{pairs[i+1]}})
	}
	return all
}

// settled repeats a call while a new resource that it names is not visible everywhere
// (EC2 Developer Guide, eventual-consistency).
func (b *bench) settled(call func() error) {
	b.eventually("what has been made is known", func() (string, bool) {
		err := call()
		if c := code(err); len(c) > 9 && c[len(c)-9:] == ".NotFound" {
			return c, false
		}
		b.need(err)
		return "", true
	})
}

// eni makes a network interface; the first address is the primary. Without addresses
// AWS chooses one.
func (b *bench) eni(p place, addresses ...string) types.NetworkInterface {
	in := &ec2.CreateNetworkInterfaceInput{SubnetId: &p.subnet,
		TagSpecifications: b.tags(types.ResourceTypeNetworkInterface)}
	for i, a := range addresses {
		in.PrivateIpAddresses = append(in.PrivateIpAddresses,
			types.PrivateIpAddressSpecification{PrivateIpAddress: &a, Primary: aws.Bool(i == 0)})
	}
	return b.eniFrom(in)
}

func (b *bench) eniFrom(in *ec2.CreateNetworkInterfaceInput) types.NetworkInterface {
	if in.TagSpecifications == nil {
		in.TagSpecifications = b.tags(types.ResourceTypeNetworkInterface)
	}
	made := must(b.CreateNetworkInterface(b.ctx, in))(b)
	id := aws.ToString(made.NetworkInterface.NetworkInterfaceId)
	b.need(ec2.NewNetworkInterfaceAvailableWaiter(b.EC2,
		func(o *ec2.NetworkInterfaceAvailableWaiterOptions) { o.MinDelay, o.MaxDelay = soon, late }).
		Wait(b.ctx, &ec2.DescribeNetworkInterfacesInput{NetworkInterfaceIds: []string{id}}, b.cfg.Patience))
	return *made.NetworkInterface
}

// see describes an interface.
func (b *bench) see(eni string) types.NetworkInterface {
	return must(b.DescribeNetworkInterfaces(b.ctx,
		&ec2.DescribeNetworkInterfacesInput{NetworkInterfaceIds: []string{eni}}))(b).NetworkInterfaces[0]
}

// addressesOf returns an interface's private addresses, the primary first.
func addressesOf(e types.NetworkInterface) []string {
	var all []string
	for _, a := range e.PrivateIpAddresses {
		if aws.ToBool(a.Primary) {
			all = slices.Insert(all, 0, aws.ToString(a.PrivateIpAddress))
		} else {
			all = append(all, aws.ToString(a.PrivateIpAddress))
		}
	}
	return all
}

// hasAddresses waits until an interface has exactly these addresses, the primary first;
// otherwise it fails the check.
func (b *bench) hasAddresses(eni string, want ...string) {
	b.eventually(list("the interface has", want), func() (string, bool) {
		have := addressesOf(b.see(eni))
		if len(have) == 0 {
			return "it has none", false
		}
		slices.Sort(have[1:])
		sorted := slices.Clone(want)
		slices.Sort(sorted[1:])
		return list("it has", have), slices.Equal(have, sorted)
	})
}

func list(what string, of []string) string {
	for i, s := range of {
		if i > 0 {
			what += ","
		}
		what += " " + s
	}
	return what
}

// assign assigns addresses to an interface, with or without AllowReassignment.
func (b *bench) assign(eni string, move bool, addresses ...string) (*ec2.AssignPrivateIpAddressesOutput, error) {
	return b.AssignPrivateIpAddresses(b.ctx,
		&ec2.AssignPrivateIpAddressesInput{NetworkInterfaceId: &eni, PrivateIpAddresses: addresses,
			AllowReassignment: aws.Bool(move)})
}

func (b *bench) unassign(eni string, addresses ...string) error {
	_, err := b.UnassignPrivateIpAddresses(b.ctx,
		&ec2.UnassignPrivateIpAddressesInput{NetworkInterfaceId: &eni, PrivateIpAddresses: addresses})
	return err
}

// elastic is an Elastic IP on lease.
type elastic struct {
	id     string
	public netip.Addr
}

// elasticIPs allocates Elastic IPs, which are released when the check ends. A check
// calls it once, for all that it needs.
func (b *bench) elasticIPs(n int) []elastic {
	b.need(b.share.Acquire(b.ctx, int64(n)))
	for i := range n {
		out, err := b.AllocateAddress(b.ctx,
			&ec2.AllocateAddressInput{Domain: types.DomainTypeVpc, TagSpecifications: b.tags(types.ResourceTypeElasticIp)})
		if err != nil {
			b.share.Release(int64(n - i))
			b.end(err)
		}
		b.elastic = append(b.elastic, aws.ToString(out.AllocationId))
	}
	var all []elastic
	for _, id := range b.elastic {
		b.eventually("the Elastic IP is known", func() (string, bool) {
			a, err := b.seeAddress(id)
			if err != nil {
				return answer(err), false
			}
			all = append(all, elastic{id, netip.MustParseAddr(aws.ToString(a.PublicIp))})
			return "", true
		})
	}
	return all
}

func (b *bench) returnElasticIPs() {
	for _, id := range b.elastic {
		// If this fails, the end of the run finds the address by its tag.
		_ = releaseAddress(b.ctx, b.EC2, id)
		b.share.Release(1)
	}
	b.elastic = nil
}

func (b *bench) seeAddress(allocation string) (types.Address, error) {
	out, err := b.DescribeAddresses(b.ctx, &ec2.DescribeAddressesInput{AllocationIds: []string{allocation}})
	if err != nil {
		return types.Address{}, err
	}
	return out.Addresses[0], nil
}

// onAddress waits until an Elastic IP is on an address of an interface, or on none if
// these are empty; otherwise it fails the check.
func (b *bench) onAddress(allocation, eni, private string) {
	b.eventually("the Elastic IP is on "+eni+" "+private, func() (string, bool) {
		a := must(b.seeAddress(allocation))(b)
		on, at := aws.ToString(a.NetworkInterfaceId), aws.ToString(a.PrivateIpAddress)
		return "it is on " + on + " " + at, on == eni && at == private
	})
}

// associate puts an Elastic IP on an address; if that is empty, AWS chooses it.
func (b *bench) associate(allocation, eni, private string, reassociate bool) (*ec2.AssociateAddressOutput, error) {
	in := &ec2.AssociateAddressInput{AllocationId: &allocation, NetworkInterfaceId: &eni,
		AllowReassociation: aws.Bool(reassociate)}
	if private != "" {
		in.PrivateIpAddress = &private
	}
	return b.AssociateAddress(b.ctx, in)
}

// association is an Elastic IP on the only address of an interface in a new subnet.
type association struct {
	place
	elastic
	eni         string
	association string // its ID
}

// associated makes an association.
func (b *bench) associated() association {
	on := association{place: b.place(28)}
	on.eni = aws.ToString(b.eni(on.place, on.at(4)).NetworkInterfaceId)
	on.elastic = b.elasticIPs(1)[0]
	on.association = aws.ToString(must(b.associate(on.id, on.eni, "", true))(b).AssociationId)
	b.onAddress(on.id, on.eni, on.at(4))
	return on
}

// group makes a security group in a VPC.
func (b *bench) group(vpc, name string) string {
	made := must(b.CreateSecurityGroup(b.ctx, &ec2.CreateSecurityGroupInput{
		VpcId: &vpc, GroupName: aws.String(b.check + "-" + name + "-" + NewRun()),
		Description:       aws.String("macaw lab conform"),
		TagSpecifications: b.tags(types.ResourceTypeSecurityGroup),
	}))(b)
	id := aws.ToString(made.GroupId)
	b.need(ec2.NewSecurityGroupExistsWaiter(b.EC2,
		func(o *ec2.SecurityGroupExistsWaiterOptions) { o.MinDelay, o.MaxDelay = soon, late }).
		Wait(b.ctx, &ec2.DescribeSecurityGroupsInput{GroupIds: []string{id}}, b.cfg.Patience))
	return id
}

// routeTable makes a route table in a VPC.
func (b *bench) routeTable(vpc string) string {
	id := must(b.CreateRouteTable(b.ctx,
		&ec2.CreateRouteTableInput{VpcId: &vpc,
			TagSpecifications: b.tags(types.ResourceTypeRouteTable)}))(b).RouteTable.RouteTableId
	b.settled(func() error {
		_, err := b.DescribeRouteTables(b.ctx, &ec2.DescribeRouteTablesInput{RouteTableIds: []string{*id}})
		return err
	})
	return *id
}

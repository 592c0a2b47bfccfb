// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"golang.org/x/sync/errgroup"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/images"
)

// looks are the functions that read AWS, by what they read.
type looks map[string]func(ctx context.Context, c Clients, mine types.Filter) error

// See reads everything of the named cloud.
func See(ctx context.Context, c Clients, cloud string) (Seen, error) {
	s := Seen{Cloud: cloud}
	if err := s.see(ctx, c, looks{
		"availability zones": s.seeZones,
		"vpcs":               s.seeVPCs,
		"internet gateways":  s.seeInternetGateways,
		"subnets":            s.seeSubnets,
		"route tables":       s.seeRouteTables,
		"security groups":    s.seeSecurityGroups,
		"key pairs":          s.seeKeyPairs,
		"network interfaces": s.seeInterfaces,
		"instances":          s.seeInstances,
		"volumes":            s.seeVolumes,
		"elastic ips":        s.seeAddresses,
	}); err != nil {
		return s, err
	}
	// These depend on the results above.
	err := s.see(ctx, c, looks{
		"instance attributes":  s.seeInstanceAttributes,
		"address reservations": s.seeReservations,
		"iam role":             s.seeRoles,
		"instance profile":     s.seeProfiles,
	})
	s.sort()
	return s, err
}

// see runs all looks in parallel.
func (s *Seen) see(ctx context.Context, c Clients, all looks) error {
	mine := awsapi.ByTag(awsapi.TagCloud, s.Cloud)
	g, ctx := errgroup.WithContext(ctx)
	for what, look := range all {
		g.Go(func() error {
			if err := look(ctx, c, mine); err != nil {
				return fmt.Errorf("looking for the %s of cloud %s: %w", what, s.Cloud, err)
			}
			return nil
		})
	}
	return g.Wait()
}

// sort sorts every list by ID, so that the same cloud gives the same Seen.
func (s *Seen) sort() {
	slices.Sort(s.Zones)
	slices.SortFunc(s.VPCs, func(x, y VPC) int { return cmp.Compare(x.ID, y.ID) })
	slices.SortFunc(s.InternetGateways, func(x, y InternetGateway) int { return cmp.Compare(x.ID, y.ID) })
	slices.SortFunc(s.Subnets, func(x, y Subnet) int { return cmp.Compare(x.ID, y.ID) })
	slices.SortFunc(s.Reservations, func(x, y Reservation) int { return cmp.Compare(x.ID, y.ID) })
	slices.SortFunc(s.RouteTables, func(x, y RouteTable) int { return cmp.Compare(x.ID, y.ID) })
	slices.SortFunc(s.SecurityGroups, func(x, y SecurityGroup) int { return cmp.Compare(x.ID, y.ID) })
	slices.SortFunc(s.KeyPairs, func(x, y KeyPair) int { return cmp.Compare(x.ID, y.ID) })
	slices.SortFunc(s.Interfaces, func(x, y Interface) int { return cmp.Compare(x.ID, y.ID) })
	slices.SortFunc(s.Instances, func(x, y Instance) int { return cmp.Compare(x.ID, y.ID) })
	slices.SortFunc(s.Volumes, func(x, y Volume) int { return cmp.Compare(x.ID, y.ID) })
	slices.SortFunc(s.Addresses, func(x, y Address) int { return cmp.Compare(x.ID, y.ID) })
}

func (s *Seen) seeZones(ctx context.Context, c Clients, _ types.Filter) error {
	out, err := c.EC2.DescribeAvailabilityZones(ctx, &ec2.DescribeAvailabilityZonesInput{
		Filters: []types.Filter{awsapi.Filter("state", "available"), awsapi.Filter("zone-type", "availability-zone")},
	})
	if err != nil {
		return err
	}
	for _, z := range out.AvailabilityZones {
		s.Region = aws.ToString(z.RegionName)
		s.Zones = append(s.Zones, aws.ToString(z.ZoneName))
	}
	return nil
}

func (s *Seen) seeVPCs(ctx context.Context, c Clients, mine types.Filter) error {
	found, err := findVPCs(ctx, c.EC2, mine)
	if err != nil {
		return err
	}
	for _, v := range found {
		vpc := VPC{ID: aws.ToString(v.VpcId), Part: awsapi.Part(v.Tags), CIDR: aws.ToString(v.CidrBlock)}
		support, err := vpcAttribute(ctx, c.EC2, vpc.ID, types.VpcAttributeNameEnableDnsSupport)
		if err != nil {
			return err
		}
		names, err := vpcAttribute(ctx, c.EC2, vpc.ID, types.VpcAttributeNameEnableDnsHostnames)
		if err != nil {
			return err
		}
		if support == nil || names == nil {
			continue // deleted meanwhile
		}
		for _, a := range v.Ipv6CidrBlockAssociationSet {
			if vpc.IPv6, err = withBlock(vpc.IPv6, a.AssociationId, a.Ipv6CidrBlock, vpcBlockState(a)); err != nil {
				return err
			}
		}
		vpc.DNSSupport = attributeTrue(support.EnableDnsSupport)
		vpc.DNSHostname = attributeTrue(names.EnableDnsHostnames)
		s.VPCs = append(s.VPCs, vpc)
	}
	return nil
}

// vpcAttribute returns nil if the VPC does not exist.
func vpcAttribute(
	ctx context.Context, api EC2, vpc string, name types.VpcAttributeName,
) (*ec2.DescribeVpcAttributeOutput, error) {
	out, err := api.DescribeVpcAttribute(ctx, &ec2.DescribeVpcAttributeInput{VpcId: aws.String(vpc), Attribute: name})
	if notFound(err) {
		return nil, nil
	}
	return out, err
}

func attributeTrue(v *types.AttributeBooleanValue) bool { return v != nil && aws.ToBool(v.Value) }

func (s *Seen) seeInternetGateways(ctx context.Context, c Clients, mine types.Filter) error {
	found, err := findInternetGateways(ctx, c.EC2, mine)
	for _, g := range found {
		gateway := InternetGateway{ID: aws.ToString(g.InternetGatewayId), Part: awsapi.Part(g.Tags)}
		for _, a := range g.Attachments {
			gateway.VPC = aws.ToString(a.VpcId)
		}
		s.InternetGateways = append(s.InternetGateways, gateway)
	}
	return err
}

func (s *Seen) seeSubnets(ctx context.Context, c Clients, mine types.Filter) error {
	found, err := findSubnets(ctx, c.EC2, mine)
	if err != nil {
		return err
	}
	for _, n := range found {
		subnet := Subnet{
			ID: aws.ToString(n.SubnetId), Part: awsapi.Part(n.Tags), VPC: aws.ToString(n.VpcId),
			CIDR: aws.ToString(n.CidrBlock), Zone: aws.ToString(n.AvailabilityZone),
			MapPublic: aws.ToBool(n.MapPublicIpOnLaunch), AssignIPv6: aws.ToBool(n.AssignIpv6AddressOnCreation),
		}
		if subnet.IPv6, err = subnetBlock(n); err != nil {
			return err
		}
		s.Subnets = append(s.Subnets, subnet)
	}
	return nil
}

func (s *Seen) seeRouteTables(ctx context.Context, c Clients, mine types.Filter) error {
	found, err := findRouteTables(ctx, c.EC2, mine)
	for _, t := range found {
		s.RouteTables = append(s.RouteTables, routeTableOf(t))
	}
	return err
}

func routeTableOf(t types.RouteTable) RouteTable {
	table := RouteTable{ID: aws.ToString(t.RouteTableId), Part: awsapi.Part(t.Tags), VPC: aws.ToString(t.VpcId)}
	for _, r := range t.Routes {
		target := cmp.Or(aws.ToString(r.GatewayId), aws.ToString(r.NetworkInterfaceId), "another target")
		switch {
		case aws.ToString(r.DestinationCidrBlock) == everywhere:
			table.Default, table.Blackhole = target, r.State == types.RouteStateBlackhole
		case aws.ToString(r.DestinationIpv6CidrBlock) == everywhere6:
			table.Default6, table.Blackhole6 = target, r.State == types.RouteStateBlackhole
		case target != "local": // the VPC's own route, which is always there
			table.Others = append(table.Others, otherRoute(r))
		}
	}
	for _, a := range t.Associations {
		if a.SubnetId != nil {
			table.Subnets = append(table.Subnets, *a.SubnetId)
		}
		table.Main = table.Main || aws.ToBool(a.Main)
	}
	return table
}

// otherRoute describes a route for display. A route has one destination and one target of many
// kinds (EC2 API Reference, Route).
func otherRoute(r types.Route) string {
	first := func(values ...*string) string {
		for _, v := range values {
			if aws.ToString(v) != "" {
				return *v
			}
		}
		return "an unknown target"
	}
	return first(r.DestinationCidrBlock, r.DestinationIpv6CidrBlock, r.DestinationPrefixListId) + " to " +
		first(r.NetworkInterfaceId, r.InstanceId, r.NatGatewayId, r.VpcPeeringConnectionId, r.TransitGatewayId,
			r.EgressOnlyInternetGatewayId, r.LocalGatewayId, r.CarrierGatewayId, r.CoreNetworkArn, r.GatewayId)
}

func (s *Seen) seeSecurityGroups(ctx context.Context, c Clients, mine types.Filter) error {
	found, err := findSecurityGroups(ctx, c.EC2, mine)
	for _, g := range found {
		group := SecurityGroup{
			ID: aws.ToString(g.GroupId), Part: awsapi.Part(g.Tags),
			Name: aws.ToString(g.GroupName), VPC: aws.ToString(g.VpcId),
		}
		for _, p := range g.IpPermissions {
			group.Ingress = append(group.Ingress, rulesOf(p, group.ID)...)
		}
		for _, p := range g.IpPermissionsEgress {
			group.Egress = append(group.Egress, rulesOf(p, group.ID)...)
		}
		s.SecurityGroups = append(s.SecurityGroups, group)
	}
	return err
}

func (s *Seen) seeKeyPairs(ctx context.Context, c Clients, mine types.Filter) error {
	found, err := findKeyPairs(ctx, c.EC2, mine)
	for _, k := range found {
		s.KeyPairs = append(s.KeyPairs, KeyPair{
			ID: aws.ToString(k.KeyPairId), Part: awsapi.Part(k.Tags),
			Name: aws.ToString(k.KeyName), PublicKey: aws.ToString(k.PublicKey),
		})
	}
	return err
}

func (s *Seen) seeInterfaces(ctx context.Context, c Clients, mine types.Filter) error {
	found, err := findInterfaces(ctx, c.EC2, mine)
	if err != nil {
		return err
	}
	for _, n := range found {
		eni, err := interfaceOf(n)
		if err != nil {
			return err
		}
		s.Interfaces = append(s.Interfaces, eni)
	}
	return nil
}

func interfaceOf(n types.NetworkInterface) (Interface, error) {
	eni := Interface{
		ID: aws.ToString(n.NetworkInterfaceId), Part: awsapi.Part(n.TagSet), VPC: aws.ToString(n.VpcId),
		Subnet: aws.ToString(n.SubnetId), MAC: aws.ToString(n.MacAddress), Primary: aws.ToString(n.PrivateIpAddress),
		Secondary: secondaryOn(n), Unchecked: !aws.ToBool(n.SourceDestCheck), Groups: groupsOf(n),
	}
	if n.Association != nil && n.Association.AllocationId == nil {
		eni.Public = aws.ToString(n.Association.PublicIp)
	}
	var err error
	if eni.IPv6, err = ipv6On(n); err != nil {
		return eni, err
	}
	if a := n.Attachment; a != nil && a.Status != types.AttachmentStatusDetached {
		eni.Instance, eni.Device = aws.ToString(a.InstanceId), aws.ToInt32(a.DeviceIndex)
		eni.Attachment, eni.DeleteOnTermination = aws.ToString(a.AttachmentId), aws.ToBool(a.DeleteOnTermination)
	}
	return eni, nil
}

// secondaryOn returns the private addresses of a network interface except the primary one.
func secondaryOn(n types.NetworkInterface) (all []string) {
	for _, a := range n.PrivateIpAddresses {
		if !aws.ToBool(a.Primary) {
			all = append(all, aws.ToString(a.PrivateIpAddress))
		}
	}
	return all
}

// ipv6On returns the IPv6 addresses of a network interface.
func ipv6On(n types.NetworkInterface) (all []string, err error) {
	for _, a := range n.Ipv6Addresses {
		text, err := canonical(aws.ToString(a.Ipv6Address))
		if err != nil {
			return nil, err
		}
		all = append(all, text)
	}
	return all, nil
}

func groupsOf(n types.NetworkInterface) (ids []string) {
	for _, g := range n.Groups {
		ids = append(ids, aws.ToString(g.GroupId))
	}
	return ids
}

func (s *Seen) seeInstances(ctx context.Context, c Clients, mine types.Filter) error {
	found, err := findInstances(ctx, c.EC2, mine)
	for _, i := range found {
		s.Instances = append(s.Instances, instanceOf(i))
	}
	return err
}

func instanceOf(i types.Instance) Instance {
	instance := Instance{
		ID: aws.ToString(i.InstanceId), Part: awsapi.Part(i.Tags), Sealed: awsapi.Tag(i.Tags, images.TagSealed) != "",
		Type: string(i.InstanceType), Image: aws.ToString(i.ImageId), Key: aws.ToString(i.KeyName),
		Spot: i.InstanceLifecycle == types.InstanceLifecycleTypeSpot,
	}
	if i.State != nil {
		instance.State = string(i.State.Name)
	}
	if p := i.IamInstanceProfile; p != nil {
		arn := aws.ToString(p.Arn)
		instance.Profile = InstanceProfile{ID: aws.ToString(p.Id), Name: arn[strings.LastIndexByte(arn, '/')+1:]}
	}
	if o := i.CpuOptions; o != nil {
		instance.Nested = o.NestedVirtualization == types.NestedVirtualizationSpecificationEnabled
	}
	if m := i.MetadataOptions; m != nil {
		instance.Metadata = Metadata{
			Endpoint: string(m.HttpEndpoint), IPv6: string(m.HttpProtocolIpv6), Tokens: string(m.HttpTokens),
			Tags: string(m.InstanceMetadataTags), HopLimit: aws.ToInt32(m.HttpPutResponseHopLimit),
		}
	}
	return instance
}

// instanceAttributes are those that DescribeInstances does not return.
var instanceAttributes = []types.InstanceAttributeName{
	types.InstanceAttributeNameDisableApiTermination,
	types.InstanceAttributeNameDisableApiStop,
	types.InstanceAttributeNameInstanceInitiatedShutdownBehavior,
	types.InstanceAttributeNameUserData,
}

// seeInstanceAttributes makes one call for each attribute (EC2 API Reference,
// DescribeInstanceAttribute).
func (s *Seen) seeInstanceAttributes(ctx context.Context, c Clients, _ types.Filter) error {
	for n := range s.Instances {
		i := &s.Instances[n]
		if !i.live() {
			continue
		}
		for _, attribute := range instanceAttributes {
			in := &ec2.DescribeInstanceAttributeInput{InstanceId: aws.String(i.ID), Attribute: attribute}
			out, err := c.EC2.DescribeInstanceAttribute(ctx, in)
			if notFound(err) {
				break // terminated meanwhile
			}
			if err != nil {
				return err
			}
			switch attribute {
			case types.InstanceAttributeNameDisableApiTermination:
				i.NoTerminate = attributeTrue(out.DisableApiTermination)
			case types.InstanceAttributeNameDisableApiStop:
				i.NoStop = attributeTrue(out.DisableApiStop)
			case types.InstanceAttributeNameInstanceInitiatedShutdownBehavior:
				i.OnShutdown = attributeText(out.InstanceInitiatedShutdownBehavior)
			case types.InstanceAttributeNameUserData:
				if i.UserData, err = base64.StdEncoding.DecodeString(attributeText(out.UserData)); err != nil {
					return fmt.Errorf("reading the user data of %s: %w", i.ID, err)
				}
			}
		}
	}
	return nil
}

func attributeText(v *types.AttributeValue) string {
	if v == nil {
		return ""
	}
	return aws.ToString(v.Value)
}

func (s *Seen) seeVolumes(ctx context.Context, c Clients, mine types.Filter) error {
	found, err := findVolumes(ctx, c.EC2, mine)
	for _, v := range found {
		if v.State == types.VolumeStateDeleting || v.State == types.VolumeStateDeleted {
			continue
		}
		volume := Volume{
			ID: aws.ToString(v.VolumeId), Part: awsapi.Part(v.Tags), State: string(v.State), Size: aws.ToInt32(v.Size),
		}
		for _, a := range v.Attachments {
			volume.Instance, volume.Device = aws.ToString(a.InstanceId), aws.ToString(a.Device)
			volume.DeleteOnTermination = aws.ToBool(a.DeleteOnTermination)
		}
		s.Volumes = append(s.Volumes, volume)
	}
	return err
}

func (s *Seen) seeAddresses(ctx context.Context, c Clients, mine types.Filter) error {
	found, err := findAddresses(ctx, c.EC2, mine)
	for _, a := range found {
		s.Addresses = append(s.Addresses, Address{
			ID: aws.ToString(a.AllocationId), Part: awsapi.Part(a.Tags), Public: aws.ToString(a.PublicIp),
			Association: aws.ToString(a.AssociationId), Interface: aws.ToString(a.NetworkInterfaceId),
			Private: aws.ToString(a.PrivateIpAddress),
		})
	}
	return err
}

// Vacant reports whether a region has no VPC at all.
func Vacant(ctx context.Context, api EC2) (bool, error) {
	vpcs, err := api.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{})
	if err != nil {
		return false, fmt.Errorf("looking for clouds: %w", err)
	}
	return len(vpcs.Vpcs) == 0, nil
}

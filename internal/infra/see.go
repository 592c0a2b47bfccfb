package infra

import (
	"context"
	"encoding/base64"
	"fmt"
	"sort"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"golang.org/x/sync/errgroup"
)

// looks are ways to look, by what they look for.
type looks map[string]func(context.Context, EC2, []types.Filter) error

// See finds everything of the named cloud.
func See(ctx context.Context, c Clients, cloud string) (Seen, error) {
	s := Seen{Cloud: cloud}
	if err := s.see(ctx, c.EC2, looks{
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
	// These are asked for by what was found.
	err := s.see(ctx, c.EC2, looks{
		"instance attributes":  s.seeInstanceAttributes,
		"address reservations": s.seeReservations,
		"iam role":             func(ctx context.Context, _ EC2, _ []types.Filter) error { return s.seeRole(ctx, c.IAM) },
		"instance profile":     func(ctx context.Context, _ EC2, _ []types.Filter) error { return s.seeProfile(ctx, c.IAM) },
	})
	return s, err
}

// see looks for everything at once.
func (s *Seen) see(ctx context.Context, api EC2, all looks) error {
	mine := []types.Filter{filter("tag:"+TagCloud, s.Cloud)}
	g, ctx := errgroup.WithContext(ctx)
	for what, look := range all {
		g.Go(func() error {
			if err := look(ctx, api, mine); err != nil {
				return fmt.Errorf("looking for the %s of cloud %s: %w", what, s.Cloud, err)
			}
			return nil
		})
	}
	return g.Wait()
}

func (s *Seen) seeZones(ctx context.Context, api EC2, _ []types.Filter) error {
	out, err := api.DescribeAvailabilityZones(ctx, &ec2.DescribeAvailabilityZonesInput{
		Filters: []types.Filter{filter("state", "available"), filter("zone-type", "availability-zone")},
	})
	if err != nil {
		return err
	}
	for _, z := range out.AvailabilityZones {
		s.Region = aws.ToString(z.RegionName)
		s.Zones = append(s.Zones, aws.ToString(z.ZoneName))
	}
	sort.Strings(s.Zones)
	return nil
}

func (s *Seen) seeVPCs(ctx context.Context, api EC2, mine []types.Filter) error {
	for p := ec2.NewDescribeVpcsPaginator(api, &ec2.DescribeVpcsInput{Filters: mine}); p.HasMorePages(); {
		out, err := p.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, v := range out.Vpcs {
			vpc := VPC{ID: aws.ToString(v.VpcId), Part: tag(v.Tags, TagPart), CIDR: aws.ToString(v.CidrBlock)}
			support, err := vpcAttribute(ctx, api, vpc.ID, types.VpcAttributeNameEnableDnsSupport)
			if err != nil {
				return err
			}
			names, err := vpcAttribute(ctx, api, vpc.ID, types.VpcAttributeNameEnableDnsHostnames)
			if err != nil {
				return err
			}
			if support == nil || names == nil {
				continue // removed meanwhile
			}
			for _, a := range v.Ipv6CidrBlockAssociationSet {
				if vpc.IPv6, err = withBlock(vpc.IPv6, a.AssociationId, a.Ipv6CidrBlock, vpcBlockState(a)); err != nil {
					return err
				}
			}
			vpc.DNSSupport, vpc.DNSHostname = attributeTrue(support.EnableDnsSupport), attributeTrue(names.EnableDnsHostnames)
			s.VPCs = append(s.VPCs, vpc)
		}
	}
	sort.Slice(s.VPCs, func(i, j int) bool { return s.VPCs[i].ID < s.VPCs[j].ID })
	return nil
}

// vpcAttribute returns nil for a VPC that is not there.
func vpcAttribute(ctx context.Context, api EC2, vpc string, name types.VpcAttributeName) (*ec2.DescribeVpcAttributeOutput, error) {
	out, err := api.DescribeVpcAttribute(ctx, &ec2.DescribeVpcAttributeInput{VpcId: aws.String(vpc), Attribute: name})
	if notFound(err) {
		return nil, nil
	}
	return out, err
}

func attributeTrue(v *types.AttributeBooleanValue) bool { return v != nil && aws.ToBool(v.Value) }

func (s *Seen) seeInternetGateways(ctx context.Context, api EC2, mine []types.Filter) error {
	for p := ec2.NewDescribeInternetGatewaysPaginator(api, &ec2.DescribeInternetGatewaysInput{Filters: mine}); p.HasMorePages(); {
		out, err := p.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, g := range out.InternetGateways {
			gw := InternetGateway{ID: aws.ToString(g.InternetGatewayId), Part: tag(g.Tags, TagPart)}
			for _, a := range g.Attachments {
				gw.VPC = aws.ToString(a.VpcId)
			}
			s.InternetGateways = append(s.InternetGateways, gw)
		}
	}
	sort.Slice(s.InternetGateways, func(i, j int) bool { return s.InternetGateways[i].ID < s.InternetGateways[j].ID })
	return nil
}

func (s *Seen) seeSubnets(ctx context.Context, api EC2, mine []types.Filter) error {
	for p := ec2.NewDescribeSubnetsPaginator(api, &ec2.DescribeSubnetsInput{Filters: mine}); p.HasMorePages(); {
		out, err := p.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, n := range out.Subnets {
			subnet := Subnet{ID: aws.ToString(n.SubnetId), Part: tag(n.Tags, TagPart), VPC: aws.ToString(n.VpcId),
				CIDR: aws.ToString(n.CidrBlock), Zone: aws.ToString(n.AvailabilityZone),
				MapPublic: aws.ToBool(n.MapPublicIpOnLaunch), AssignIPv6: aws.ToBool(n.AssignIpv6AddressOnCreation)}
			if subnet.IPv6, err = subnetBlock(n); err != nil {
				return err
			}
			s.Subnets = append(s.Subnets, subnet)
		}
	}
	sort.Slice(s.Subnets, func(i, j int) bool { return s.Subnets[i].ID < s.Subnets[j].ID })
	return nil
}

func (s *Seen) seeRouteTables(ctx context.Context, api EC2, mine []types.Filter) error {
	for p := ec2.NewDescribeRouteTablesPaginator(api, &ec2.DescribeRouteTablesInput{Filters: mine}); p.HasMorePages(); {
		out, err := p.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, t := range out.RouteTables {
			table := RouteTable{ID: aws.ToString(t.RouteTableId), Part: tag(t.Tags, TagPart), VPC: aws.ToString(t.VpcId)}
			for _, r := range t.Routes {
				target := aws.ToString(r.GatewayId)
				if target == "" {
					target = "another target"
				}
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
			s.RouteTables = append(s.RouteTables, table)
		}
	}
	sort.Slice(s.RouteTables, func(i, j int) bool { return s.RouteTables[i].ID < s.RouteTables[j].ID })
	return nil
}

// otherRoute describes a route for people. A route has one destination and one
// target of many kinds (EC2 API Reference, Route).
func otherRoute(r types.Route) string {
	first := func(values ...*string) string {
		for _, v := range values {
			if aws.ToString(v) != "" {
				return *v
			}
		}
		return "nowhere that is shown"
	}
	return first(r.DestinationCidrBlock, r.DestinationIpv6CidrBlock, r.DestinationPrefixListId) + " to " +
		first(r.NetworkInterfaceId, r.InstanceId, r.NatGatewayId, r.VpcPeeringConnectionId, r.TransitGatewayId,
			r.EgressOnlyInternetGatewayId, r.LocalGatewayId, r.CarrierGatewayId, r.CoreNetworkArn, r.GatewayId)
}

func (s *Seen) seeSecurityGroups(ctx context.Context, api EC2, mine []types.Filter) error {
	for p := ec2.NewDescribeSecurityGroupsPaginator(api, &ec2.DescribeSecurityGroupsInput{Filters: mine}); p.HasMorePages(); {
		out, err := p.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, g := range out.SecurityGroups {
			group := SecurityGroup{ID: aws.ToString(g.GroupId), Part: tag(g.Tags, TagPart), Name: aws.ToString(g.GroupName), VPC: aws.ToString(g.VpcId)}
			for _, p := range g.IpPermissions {
				group.Ingress = append(group.Ingress, rulesOf(p, group.ID)...)
			}
			for _, p := range g.IpPermissionsEgress {
				group.Egress = append(group.Egress, rulesOf(p, group.ID)...)
			}
			s.SecurityGroups = append(s.SecurityGroups, group)
		}
	}
	sort.Slice(s.SecurityGroups, func(i, j int) bool { return s.SecurityGroups[i].ID < s.SecurityGroups[j].ID })
	return nil
}

func (s *Seen) seeKeyPairs(ctx context.Context, api EC2, mine []types.Filter) error {
	out, err := api.DescribeKeyPairs(ctx, &ec2.DescribeKeyPairsInput{Filters: mine, IncludePublicKey: aws.Bool(true)})
	if err != nil {
		return err
	}
	for _, k := range out.KeyPairs {
		s.KeyPairs = append(s.KeyPairs, KeyPair{ID: aws.ToString(k.KeyPairId), Part: tag(k.Tags, TagPart),
			Name: aws.ToString(k.KeyName), PublicKey: aws.ToString(k.PublicKey)})
	}
	sort.Slice(s.KeyPairs, func(i, j int) bool { return s.KeyPairs[i].ID < s.KeyPairs[j].ID })
	return nil
}

func (s *Seen) seeInterfaces(ctx context.Context, api EC2, mine []types.Filter) error {
	for p := ec2.NewDescribeNetworkInterfacesPaginator(api, &ec2.DescribeNetworkInterfacesInput{Filters: mine}); p.HasMorePages(); {
		out, err := p.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, n := range out.NetworkInterfaces {
			eni := Interface{ID: aws.ToString(n.NetworkInterfaceId), Part: tag(n.TagSet, TagPart), VPC: aws.ToString(n.VpcId),
				Subnet: aws.ToString(n.SubnetId), MAC: aws.ToString(n.MacAddress), Primary: aws.ToString(n.PrivateIpAddress)}
			for _, a := range n.PrivateIpAddresses {
				if !aws.ToBool(a.Primary) {
					eni.Secondary = append(eni.Secondary, aws.ToString(a.PrivateIpAddress))
				}
			}
			for _, a := range n.Ipv6Addresses {
				text, err := canonical(aws.ToString(a.Ipv6Address))
				if err != nil {
					return err
				}
				eni.IPv6 = append(eni.IPv6, text)
			}
			if a := n.Attachment; a != nil && a.Status != types.AttachmentStatusDetached {
				eni.Instance, eni.Device = aws.ToString(a.InstanceId), aws.ToInt32(a.DeviceIndex)
				eni.Attachment, eni.DeleteOnTermination = aws.ToString(a.AttachmentId), aws.ToBool(a.DeleteOnTermination)
			}
			eni.Unchecked = !aws.ToBool(n.SourceDestCheck)
			for _, g := range n.Groups {
				eni.Groups = append(eni.Groups, aws.ToString(g.GroupId))
			}
			s.Interfaces = append(s.Interfaces, eni)
		}
	}
	sort.Slice(s.Interfaces, func(i, j int) bool { return s.Interfaces[i].ID < s.Interfaces[j].ID })
	return nil
}

func (s *Seen) seeInstances(ctx context.Context, api EC2, mine []types.Filter) error {
	for p := ec2.NewDescribeInstancesPaginator(api, &ec2.DescribeInstancesInput{Filters: mine}); p.HasMorePages(); {
		out, err := p.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, r := range out.Reservations {
			for _, i := range r.Instances {
				instance := Instance{ID: aws.ToString(i.InstanceId), Part: tag(i.Tags, TagPart),
					Type: string(i.InstanceType), Image: aws.ToString(i.ImageId), Key: aws.ToString(i.KeyName)}
				instance.Sealed = tag(i.Tags, TagSealed) != ""
				if i.State != nil {
					instance.State = string(i.State.Name)
				}
				if p := i.IamInstanceProfile; p != nil {
					arn := aws.ToString(p.Arn)
					instance.Profile = InstanceProfile{ID: aws.ToString(p.Id), Name: arn[strings.LastIndexByte(arn, '/')+1:]}
				}
				if m := i.MetadataOptions; m != nil {
					instance.Metadata = Metadata{Endpoint: string(m.HttpEndpoint), IPv6: string(m.HttpProtocolIpv6),
						Tokens: string(m.HttpTokens), Tags: string(m.InstanceMetadataTags), HopLimit: aws.ToInt32(m.HttpPutResponseHopLimit)}
				}
				s.Instances = append(s.Instances, instance)
			}
		}
	}
	sort.Slice(s.Instances, func(i, j int) bool { return s.Instances[i].ID < s.Instances[j].ID })
	return nil
}

// seeInstanceAttributes asks for what DescribeInstances does not show, one
// attribute a call (EC2 API Reference, DescribeInstanceAttribute).
func (s *Seen) seeInstanceAttributes(ctx context.Context, api EC2, _ []types.Filter) error {
	for n := range s.Instances {
		i := &s.Instances[n]
		if !i.live() {
			continue
		}
		for _, attribute := range []types.InstanceAttributeName{types.InstanceAttributeNameDisableApiTermination, types.InstanceAttributeNameDisableApiStop,
			types.InstanceAttributeNameInstanceInitiatedShutdownBehavior, types.InstanceAttributeNameUserData} {
			out, err := api.DescribeInstanceAttribute(ctx, &ec2.DescribeInstanceAttributeInput{InstanceId: aws.String(i.ID), Attribute: attribute})
			if notFound(err) {
				break // removed meanwhile
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

func (s *Seen) seeVolumes(ctx context.Context, api EC2, mine []types.Filter) error {
	for p := ec2.NewDescribeVolumesPaginator(api, &ec2.DescribeVolumesInput{Filters: mine}); p.HasMorePages(); {
		out, err := p.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, v := range out.Volumes {
			if v.State == types.VolumeStateDeleting || v.State == types.VolumeStateDeleted {
				continue
			}
			volume := Volume{ID: aws.ToString(v.VolumeId), Part: tag(v.Tags, TagPart), State: string(v.State), Size: aws.ToInt32(v.Size)}
			for _, a := range v.Attachments {
				volume.Instance, volume.Device = aws.ToString(a.InstanceId), aws.ToString(a.Device)
				volume.DeleteOnTermination = aws.ToBool(a.DeleteOnTermination)
			}
			s.Volumes = append(s.Volumes, volume)
		}
	}
	sort.Slice(s.Volumes, func(i, j int) bool { return s.Volumes[i].ID < s.Volumes[j].ID })
	return nil
}

func (s *Seen) seeAddresses(ctx context.Context, api EC2, mine []types.Filter) error {
	out, err := api.DescribeAddresses(ctx, &ec2.DescribeAddressesInput{Filters: mine})
	if err != nil {
		return err
	}
	for _, a := range out.Addresses {
		s.Addresses = append(s.Addresses, Address{ID: aws.ToString(a.AllocationId), Part: tag(a.Tags, TagPart), Public: aws.ToString(a.PublicIp),
			Association: aws.ToString(a.AssociationId), Interface: aws.ToString(a.NetworkInterfaceId), Private: aws.ToString(a.PrivateIpAddress)})
	}
	sort.Slice(s.Addresses, func(i, j int) bool { return s.Addresses[i].ID < s.Addresses[j].ID })
	return nil
}

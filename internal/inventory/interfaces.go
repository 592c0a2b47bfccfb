// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"context"
	"net/netip"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	awsapi "macaw.example/internal/aws"
)

// canonical returns an IPv6 address in Go's spelling, since one address has many.
func canonical(address string) (string, error) {
	a, err := netip.ParseAddr(address)
	return a.String(), err
}

func (s *Seen) seeInterfaces(ctx context.Context, c clients, mine types.Filter) error {
	found, err := findInterfaces(ctx, c.EC2, mine)
	if err != nil {
		return err
	}
	for _, n := range found {
		eni, err := InterfaceOf(n)
		if err != nil {
			return err
		}
		s.Interfaces = append(s.Interfaces, eni)
	}
	return nil
}

// InterfaceOf reads a network interface.
func InterfaceOf(n types.NetworkInterface) (Interface, error) {
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

func (s *Seen) seeAddresses(ctx context.Context, c clients, mine types.Filter) error {
	found, err := FindAddresses(ctx, c.EC2, mine)
	for _, a := range found {
		s.Addresses = append(s.Addresses, Address{
			ID: aws.ToString(a.AllocationId), Part: awsapi.Part(a.Tags), Public: aws.ToString(a.PublicIp),
			Association: aws.ToString(a.AssociationId), Interface: aws.ToString(a.NetworkInterfaceId),
			Private: aws.ToString(a.PrivateIpAddress),
		})
	}
	return err
}

// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"golang.org/x/sync/errgroup"

	awsapi "macaw.example/internal/aws"
)

// looks are the functions that read AWS, by what they read.
type looks map[string]func(ctx context.Context, c clients, mine types.Filter) error

// clients are those of the two APIs.
type clients struct {
	EC2 EC2Reader
	IAM IAMReader
}

// See reads everything of the named cloud.
func See(ctx context.Context, api EC2Reader, roles IAMReader, cloud string) (Seen, error) {
	s, c := Seen{Cloud: cloud}, clients{api, roles}
	if err := s.see(ctx, c, looks{
		"availability zones": s.seeZones,
		"vpcs":               s.seeVPCs,
		"internet gateways":  s.seeInternetGateways,
		"nat gateways":       s.seeNATGateways,
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
func (s *Seen) see(ctx context.Context, c clients, all looks) error {
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
	slices.SortFunc(s.NATGateways, func(x, y NATGateway) int { return cmp.Compare(x.ID, y.ID) })
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

func (s *Seen) seeZones(ctx context.Context, c clients, _ types.Filter) error {
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

func attributeTrue(v *types.AttributeBooleanValue) bool { return v != nil && aws.ToBool(v.Value) }

func (s *Seen) seeKeyPairs(ctx context.Context, c clients, mine types.Filter) error {
	found, err := FindKeyPairs(ctx, c.EC2, mine)
	for _, k := range found {
		s.KeyPairs = append(s.KeyPairs, KeyPair{
			ID: aws.ToString(k.KeyPairId), Part: awsapi.Part(k.Tags),
			Name: aws.ToString(k.KeyName), PublicKey: aws.ToString(k.PublicKey),
		})
	}
	return err
}

// Vacant reports whether a region has no VPC at all.
func Vacant(ctx context.Context, api EC2Reader) (bool, error) {
	vpcs, err := api.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{})
	if err != nil {
		return false, fmt.Errorf("looking for clouds: %w", err)
	}
	return len(vpcs.Vpcs) == 0, nil
}

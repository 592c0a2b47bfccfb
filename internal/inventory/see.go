// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	awsapi "macaw.example/internal/aws"
)

// look reads one thing from AWS: what, for errors.
type look struct {
	what string
	do   func(ctx context.Context, c clients, mine types.Filter) error
}

// clients are those of the two APIs.
type clients struct {
	EC2 EC2Reader
	IAM IAMReader
}

// See reads everything of the named cloud, in three round trips: the lists, their details, and the policy of a role.
//
// The lists are of slightly different moments, and a list may have what another lacks: an interface whose
// instance is not there. That would be so if they were read one after the other too, since an answer may be
// older than the one before it (EC2 Developer Guide, eventual-consistency). A plan that was made of it is found out
// by its calls, when its result is read back, or by the next run. Details are read after the lists, of what these
// have: a VPC that is gone by then is left out, and an instance has no attributes.
func See(ctx context.Context, api EC2Reader, roles IAMReader, cloud string) (Seen, error) {
	s, c := Seen{Cloud: cloud}, clients{api, roles}
	if err := s.see(ctx, c,
		look{"availability zones", s.seeZones},
		look{"vpcs", s.seeVPCs},
		look{"internet gateways", s.seeInternetGateways},
		look{"nat gateways", s.seeNATGateways},
		look{"subnets", s.seeSubnets},
		look{"route tables", s.seeRouteTables},
		look{"security groups", s.seeSecurityGroups},
		look{"key pairs", s.seeKeyPairs},
		look{"network interfaces", s.seeInterfaces},
		look{"instances", s.seeInstances},
		look{"volumes", s.seeVolumes},
		look{"elastic ips", s.seeAddresses},
	); err != nil {
		return s, err
	}
	d := details{Seen: &s, gone: map[string]bool{}}
	// Roles first: each takes two calls, one after the other.
	err := s.see(ctx, c, slices.Concat(d.roles(), d.profiles(), d.vpcs(), d.instances(), d.reservations())...)
	d.drop()
	s.sort()
	return s, err
}

// SeeNodes reads only where the nodes of the named cloud are, in one round trip: its instances without their
// attributes, network interfaces, subnets and Elastic IPs. No plan can be made of that.
func SeeNodes(ctx context.Context, api EC2Reader, cloud string) (Seen, error) {
	s := Seen{Cloud: cloud}
	err := s.see(ctx, clients{EC2: api},
		look{"subnets", s.seeSubnets},
		look{"network interfaces", s.seeInterfaces},
		look{"instances", s.seeInstances},
		look{"elastic ips", s.seeAddresses},
	)
	s.sort()
	return s, err
}

// see looks for all at once.
func (s *Seen) see(ctx context.Context, c clients, all ...look) error {
	mine := awsapi.ByTag(awsapi.TagCloud, s.Cloud)
	var reads []func(context.Context) error
	for _, l := range all {
		reads = append(reads, func(ctx context.Context) error {
			if err := l.do(ctx, c, mine); err != nil {
				return fmt.Errorf("looking for the %s of cloud %s: %w", l.what, s.Cloud, err)
			}
			return nil
		})
	}
	return awsapi.Reads(ctx, reads...)
}

// details are looks at what the lists have, by name or ID. Each has fields of its own to fill in, except for
// what mu protects.
type details struct {
	*Seen
	mu   sync.Mutex
	gone map[string]bool // IDs of what AWS has removed since the lists were read
}

func (d *details) isGone(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.gone[id] = true
}

// drop removes what is gone. An instance stays as it was listed: those that are terminated are listed too.
func (d *details) drop() {
	d.VPCs = slices.DeleteFunc(d.VPCs, func(v VPC) bool { return d.gone[v.ID] })
	for n := range d.Instances {
		if i := &d.Instances[n]; d.gone[i.ID] {
			i.NoTerminate, i.NoStop, i.OnShutdown, i.UserData = false, false, "", nil
		}
	}
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

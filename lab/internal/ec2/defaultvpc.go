// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"net/netip"
	"slices"
)

// An account has a default VPC in each region, with a default subnet in each zone, unless its owner has
// deleted them: the lab begins as such an account (VPC User Guide, default-vpc; work-with-default-vpc).

var defaultVPCBlock = netip.MustParsePrefix("172.31.0.0/16")

// defaultVPC is the account's, or nil.
func (t *tx) defaultVPC() *vpcRecord {
	for _, v := range t.VPCs {
		if v.Default {
			return v
		}
	}
	return nil
}

// noDefaultVPC refuses a call that names no VPC or subnet (EC2 API Reference, errors-overview; users' logs
// have the wording).
func noDefaultVPC() error { return fail("VPCIdNotSpecified", "No default VPC for this user") }

// defaultSubnet is the one of a zone, or without a zone that of the first zone that has one; nil if there
// is none. AWS does not document which zone it chooses.
func (t *tx) defaultSubnet(zone string) *subnetRecord {
	for _, z := range t.cfg.Zones {
		for _, s := range t.Subnets {
			if s.Default && s.Zone == z && (zone == "" || zone == z) {
				return s
			}
		}
	}
	return nil
}

// launchSubnet is the subnet of a launch that names none. Users' logs have the wording of the errors.
func (t *tx) launchSubnet(zone string) (string, error) {
	v, s := t.defaultVPC(), t.defaultSubnet(zone)
	switch {
	case v == nil:
		return "", noDefaultVPC()
	case s == nil && zone != "":
		return "", fail("MissingInput", "No default subnet for availability zone: '%s'.", zone)
	case s == nil:
		return "", fail("MissingInput", "No subnets found for the default VPC '%s'. Please specify a subnet.", v.ID)
	}
	return s.ID, nil
}

// createDefaultVpc makes a VPC as AWS makes it with the account: a default subnet in each zone, and a
// gateway that the main route table leads to.
func createDefaultVpc(t *tx, _ dryRunOnly) (*createVpcOutput, error) {
	switch v := t.defaultVPC(); {
	case v != nil:
		return nil, fail("DefaultVpcAlreadyExists", "A Default VPC already exists for this account in this region.")
	case len(t.VPCs) >= maxVPCs:
		return nil, fail("VpcLimitExceeded", "The maximum number of VPCs has been reached.")
	case len(t.Gateways) >= maxGateways:
		return nil, fail("InternetGatewayLimitExceeded", "The maximum number of internet gateways has been reached.")
	}
	v := t.newVPC(defaultVPCBlock)
	v.Default, v.DNSHostnames = true, true
	g := &gatewayRecord{ID: kindGateway.newID(), VPC: v.ID}
	t.Gateways[g.ID] = g
	for _, r := range t.RouteTables {
		if r.VPC == v.ID {
			r.Routes = append(r.Routes, routeRecord{Dest: netip.MustParsePrefix("0.0.0.0/0"), Target: g.ID})
		}
	}
	for _, zone := range t.cfg.Zones {
		t.newDefaultSubnet(v, zone)
	}
	return &createVpcOutput{VPC: t.vpcXML(v)}, nil
}

// newDefaultSubnet takes the first free /20; it returns nil if there is none.
func (t *tx) newDefaultSubnet(v *vpcRecord, zone string) *subnetRecord {
	for block := netip.PrefixFrom(v.CIDR.Addr(), 20); v.CIDR.Contains(block.Addr()); {
		taken := false
		for _, s := range t.Subnets {
			taken = taken || s.VPC == v.ID && s.CIDR.Overlaps(block)
		}
		if !taken {
			s := &subnetRecord{ID: kindSubnet.newID(), VPC: v.ID, CIDR: block, Zone: zone, Default: true, MapPublicIP: true}
			t.Subnets[s.ID] = s
			return s
		}
		block = netip.PrefixFrom(lastOf(block).Next(), 20)
	}
	return nil
}

type createDefaultSubnetInput struct {
	dryRun
	AvailabilityZone string `form:",required"`
}

// createDefaultSubnet replaces a default subnet that was deleted (EC2 API Reference, CreateDefaultSubnet).
func createDefaultSubnet(t *tx, in createDefaultSubnetInput) (*createSubnetOutput, error) {
	v := t.defaultVPC()
	switch {
	case !slices.Contains(t.cfg.Zones, in.AvailabilityZone):
		_, err := t.cfg.zone(in.AvailabilityZone, "")
		return nil, err
	case v == nil:
		return nil, fail("DefaultVpcDoesNotExist", "No default VPC exists for this account in this region.")
	case t.defaultSubnet(in.AvailabilityZone) != nil:
		return nil, fail("DefaultSubnetAlreadyExistsInAvailabilityZone",
			"'%s' already has a default subnet in this Availability Zone.", in.AvailabilityZone)
	}
	s := t.newDefaultSubnet(v, in.AvailabilityZone)
	if s == nil {
		return nil, fail("InsufficientCidrBlocks", "There are not enough free addresses in the default VPC.")
	}
	return &createSubnetOutput{Subnet: t.subnetXML(s)}, nil
}

// defaultGroups are the groups with these names in the default VPC.
func (t *tx) defaultGroups(names []string) (ids []string, err error) {
	v := t.defaultVPC()
	if v == nil && len(names) > 0 {
		return nil, noDefaultVPC()
	}
	for _, name := range names {
		at := slices.IndexFunc(byID(t.Groups), func(g *groupRecord) bool { return g.VPC == v.ID && g.Name == name })
		if at < 0 {
			return nil, fail("InvalidGroup.NotFound", "The security group '%s' does not exist in default VPC '%s'", name, v.ID)
		}
		ids = append(ids, byID(t.Groups)[at].ID)
	}
	return ids, nil
}

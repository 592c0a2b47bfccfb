// SPDX-License-Identifier: Apache-2.0

package cloud

import (
	"fmt"

	"macaw.example/internal/model"
)

// typeLimit is the capacity of an instance type.
type typeLimit struct {
	interfaces int // ENIs
	addresses  int // private IPv4 addresses on each ENI, the primary included
}

// typeLimits has the common types, so that a file with too many addresses is refused before
// anything is made. AWS checks the other types when the ENI is made. The numbers are those of
// DescribeInstanceTypes, NetworkInfo.MaximumNetworkInterfaces and Ipv4AddressesPerInterface (EC2
// User Guide, using-eni); AWS does not raise them on request (VPC User Guide, amazon-vpc-limits).
var typeLimits = map[string]typeLimit{
	"t3.micro":   {2, 2},
	"t3.small":   {3, 4},
	"t3.medium":  {3, 6},
	"t3.large":   {3, 12},
	"t3.xlarge":  {4, 15},
	"t3.2xlarge": {4, 15},

	"t3a.xlarge":  {4, 15},
	"t3a.2xlarge": {4, 15},

	"m5.large":   {3, 10},
	"m5.xlarge":  {4, 15},
	"m5.2xlarge": {4, 15},
	"m5.4xlarge": {8, 30},
	"m5.metal":   {15, 50},

	"m6i.large":   {3, 10},
	"m6i.xlarge":  {4, 15},
	"m6i.2xlarge": {4, 15},
	"m6i.4xlarge": {8, 30},
	"m6i.metal":   {15, 50},

	"m7i.large":      {3, 10},
	"m7i.xlarge":     {4, 15},
	"m7i.2xlarge":    {4, 15},
	"m7i.4xlarge":    {8, 30},
	"m7i.metal-24xl": {15, 50},

	"m8i.large":      {3, 20},
	"m8i.xlarge":     {4, 30},
	"m8i.2xlarge":    {4, 30},
	"m8i.4xlarge":    {8, 50},
	"m8i.8xlarge":    {10, 50},
	"m8i.48xlarge":   {24, 64},
	"m8i.metal-48xl": {24, 64},
	"m8i-flex.large": {3, 20},

	"c5.large":   {3, 10},
	"c5.xlarge":  {4, 15},
	"c5.2xlarge": {4, 15},
	"c5.4xlarge": {8, 30},
	"c5.metal":   {15, 50},
	"c5n.metal":  {15, 50},

	"c8i.large":   {3, 20},
	"c8i.2xlarge": {4, 30},

	"r5.large":   {3, 10},
	"r5.xlarge":  {4, 15},
	"r5.2xlarge": {4, 15},

	"r8i.large":  {3, 20},
	"r8i.xlarge": {4, 30},

	"z1d.metal": {15, 50},
}

// validateLimits refuses what exceeds instance types and quotas.
func (d *decoder) validateLimits(c *Cloud) {
	for i, e := range d.nodes {
		limit, known := typeLimits[e.Type]
		if known && e.Has(model.Gateway) && d.ok(entryPath(i)+".type", "provider.addresses", "provider.elasticIPs") {
			d.validateCarried(c, e.Node, limit)
		}
	}
	if !c.InLab() || !d.ok("lab.elasticIPQuota", "provider.elasticIPs", "provider.addresses") {
		return
	}
	public := 0
	for _, n := range c.Nodes {
		if n.Public() {
			public++
		}
	}
	if need := public + c.Provider.Made(); need > c.Lab.ElasticIPQuota {
		d.reject("lab.elasticIPQuota", "", "%d are too few: the nodes and the provider addresses need %d Elastic IPs",
			c.Lab.ElasticIPQuota, need)
	}
}

// validateCarried checks that a gateway has room for Neutron's addresses, of which it may get all: with
// several gateways it depends on where Neutron puts its routers. Addresses made with the cloud are on one
// provider ENI; otherwise there may be as many ENIs as the type takes, less the management ENI.
func (d *decoder) validateCarried(c *Cloud, n Node, limit typeLimit) {
	const path = "provider.addresses"
	each := limit.addresses - 1 // less the primary address
	if c.Provider.ElasticIPs == model.ElasticIPsAll {
		if c.Provider.Addresses > each {
			d.reject(path, fmt.Sprintf("at most %d here, or another type for node %s", each, n.Name),
				"%d are too many for %s: it carries %d addresses on an ENI, its primary one included",
				c.Provider.Addresses, n.Type, limit.addresses)
		}
		return
	}
	if most := each * (limit.interfaces - 1); c.Provider.Addresses > most {
		d.reject(path, fmt.Sprintf("at most %d here, or another type for node %s", most, n.Name),
			"%d are too many for %s: next to the management ENI it takes %d, with %d addresses each, the primary one included",
			c.Provider.Addresses, n.Type, limit.interfaces-1, limit.addresses)
		return
	}
	if !d.ok("vpc.cidr", "provider.subnet", "provider.first") {
		return
	}
	free := size(c.Provider.Subnet) - reservedFirst - reservedLast - c.Provider.Addresses
	// Each further gateway may have an ENI that is not full.
	enis := (c.Provider.Addresses + each - 1) / each
	if all := enis + len(c.With(model.Gateway)) - 1; enis > 1 && free < all {
		d.reject(path, "take a larger provider.subnet",
			"%d need %d ENIs of %s, and each uses an address itself: %s leaves %d",
			c.Provider.Addresses, all, n.Type, c.Provider.Subnet, free)
	}
}

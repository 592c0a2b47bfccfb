// SPDX-License-Identifier: Apache-2.0

package infra

import "fmt"

// keepsRanges refuses other ranges than those that the cloud was made with. AWS changes neither the first CIDR
// block of a VPC nor that of a subnet (VPC User Guide, vpc-cidr-blocks and subnet-sizing), and all that follows
// from the file's ranges would be done with addresses that are not there.
func (b *up) keepsRanges() error {
	reject := func(path, what, have string) error {
		return b.c.Reject(path, fmt.Sprintf("keep %s; or macaw down, then macaw up: all of the cloud is lost", have),
			"the cloud's %s is %s, and AWS changes no range of one that exists", what, have)
	}
	v := b.vpc()
	if v == nil {
		return nil
	}
	if v.CIDR != b.c.VPC.CIDR.String() {
		return reject("vpc.cidr", "vpc", v.CIDR)
	}
	for _, n := range b.s.Subnets {
		switch {
		case n.VPC != v.ID:
		case n.Part == partSubnet(partManagement) && n.CIDR != b.c.Management.Subnet.String():
			return reject("management.subnet", "management subnet", n.CIDR)
		case n.Part == partSubnet(partProvider) && n.CIDR != b.c.Provider.Subnet.String():
			return reject("provider.subnet", "provider subnet", n.CIDR)
		}
	}
	return nil
}

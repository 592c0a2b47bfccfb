// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"crypto/rand"
	"encoding/hex"
	"regexp"
)

// kind is a type of resource: the form of its IDs, and EC2's error codes for malformed
// and unknown ones. The spelling of the codes is AWS's: ID here, Id there.
type kind struct {
	name      string // in messages
	prefix    string
	malformed string
	notFound  string
	tagType   string // in TagSpecification and DescribeTags
}

var (
	kindVPC     = kind{"vpc", "vpc", "InvalidVpcID.Malformed", "InvalidVpcID.NotFound", "vpc"}
	kindSubnet  = kind{"subnet", "subnet", "InvalidSubnetID.Malformed", "InvalidSubnetID.NotFound", "subnet"}
	kindGateway = kind{"internetGateway", "igw", "InvalidInternetGatewayId.Malformed",
		"InvalidInternetGatewayID.NotFound", "internet-gateway"}
	kindRouteTable = kind{"routeTable", "rtb", "InvalidRouteTableId.Malformed", "InvalidRouteTableID.NotFound",
		"route-table"}
	kindRouteTableAssoc = kind{"association", "rtbassoc", "InvalidAssociationID.Malformed",
		"InvalidAssociationID.NotFound", ""}
	kindGroup = kind{"security group", "sg", "InvalidGroupId.Malformed", "InvalidGroup.NotFound",
		"security-group"}
	kindRule = kind{"security group rule", "sgr", "InvalidSecurityGroupRuleId.Malformed",
		"InvalidSecurityGroupRuleId.NotFound", "security-group-rule"}
	kindKeyPair = kind{"key pair", "key", "InvalidParameterValue", "InvalidKeyPair.NotFound", "key-pair"}
	kindENI     = kind{"networkInterface", "eni", "InvalidNetworkInterfaceId.Malformed",
		"InvalidNetworkInterfaceID.NotFound", "network-interface"}
	kindAttachment = kind{"networkInterfaceAttachment", "eni-attach", "InvalidNetworkInterfaceAttachmentId.Malformed",
		"InvalidAttachmentID.NotFound", ""}
	kindAddress = kind{"allocation", "eipalloc", "InvalidAllocationID.Malformed", "InvalidAllocationID.NotFound",
		"elastic-ip"}
	kindAddressAssoc = kind{"association", "eipassoc", "InvalidAssociationID.Malformed",
		"InvalidAssociationID.NotFound", ""}
	kindInstance    = kind{"instance", "i", "InvalidInstanceID.Malformed", "InvalidInstanceID.NotFound", "instance"}
	kindReservation = kind{"subnetCidrReservation", "scr", "InvalidSubnetCidrReservationID.Malformed",
		"InvalidSubnetCidrReservationID.NotFound", "subnet-cidr-reservation"}
	kindVPCCIDR = kind{"vpc CIDR block association", "vpc-cidr-assoc",
		"InvalidVpcCidrBlockAssociationID.Malformed", "InvalidVpcCidrBlockAssociationID.NotFound", ""}
	kindSubnetCIDR = kind{"subnet CIDR block association", "subnet-cidr-assoc",
		"InvalidSubnetCidrBlockAssociationID.Malformed", "InvalidSubnetCidrBlockAssociationID.NotFound", ""}
	kindNATGateway   = kind{"NAT gateway", "nat", "NatGatewayMalformed", "NatGatewayNotFound", "natgateway"}
	kindProfileAssoc = kind{"association", "iip-assoc", "InvalidAssociationID.Malformed",
		"InvalidAssociationID.NotFound", ""}
	kindVolume     = kind{"volume", "vol", "InvalidVolumeID.Malformed", "InvalidVolume.NotFound", "volume"}
	kindNetworkACL = kind{"networkAcl", "acl", "InvalidNetworkAclId.Malformed", "InvalidNetworkAclID.NotFound",
		"network-acl"}
	kindImage = kind{"image", "ami", "InvalidAMIID.Malformed", "InvalidAMIID.NotFound", "image"}
)

var idSuffix = regexp.MustCompile(`^[0-9a-f]{8}([0-9a-f]{9})?$`)

// check refuses an ID that is malformed for this kind. EC2 has a separate code for an
// unknown one.
func (k kind) check(id string) error {
	if n := len(k.prefix) + 1; len(id) > n && id[:n] == k.prefix+"-" && idSuffix.MatchString(id[n:]) {
		return nil
	}
	return fail(k.malformed, "Invalid id: \"%s\" (expecting \"%s-...\")", id, k.prefix)
}

func (k kind) missing(id string) *APIError {
	switch k.prefix {
	case kindGroup.prefix, kindRule.prefix, kindKeyPair.prefix:
		return fail(k.notFound, "The %s '%s' does not exist", k.name, id)
	case kindVolume.prefix:
		return fail(k.notFound, "The volume '%s' does not exist.", id)
	case kindNATGateway.prefix:
		return fail(k.notFound, "The Nat Gateway %s was not found", id)
	case kindImage.prefix:
		return fail(k.notFound, "The image id '[%s]' does not exist", id)
	}
	return fail(k.notFound, "The %s ID '%s' does not exist", k.name, id)
}

// newID returns an ID in the long format: 17 hexadecimal digits.
func (k kind) newID() string { return newID(k.prefix) }

func newID(prefix string) string {
	var b [9]byte
	rand.Read(b[:]) // never fails, by its documentation
	return prefix + "-" + hex.EncodeToString(b[:])[:17]
}

// find looks up a resource by the ID that a caller gave.
func find[R any](k kind, all map[string]*R, id string) (*R, error) {
	if r, ok := all[id]; ok {
		return r, nil
	}
	if err := k.check(id); err != nil {
		return nil, err
	}
	return nil, k.missing(id)
}

// SPDX-License-Identifier: Apache-2.0

package ec2

import "strings"

// The lab has only the default network ACL of each VPC, which allows all traffic (VPC
// User Guide, default-network-acl), and no call to create or change one. It is derived
// from the VPC and has no record.

type aclEntryXML struct {
	Number   int    `xml:"ruleNumber"`
	Protocol string `xml:"protocol"`
	Action   string `xml:"ruleAction"`
	Egress   bool   `xml:"egress"`
	CIDR     string `xml:"cidrBlock,omitempty"`
	IPv6     string `xml:"ipv6CidrBlock,omitempty"`
}

type aclAssociationXML struct {
	ID     string `xml:"networkAclAssociationId"`
	ACL    string `xml:"networkAclId" filter:"network-acl-id"`
	Subnet string `xml:"subnetId" filter:"subnet-id"`
}

type aclXML struct {
	ID           string                 `xml:"networkAclId" filter:"network-acl-id"`
	VPC          string                 `xml:"vpcId" filter:"vpc-id"`
	Owner        string                 `xml:"ownerId" filter:"owner-id"`
	Default      bool                   `xml:"default" filter:"default"`
	Entries      set[aclEntryXML]       `xml:"entrySet"`
	Associations set[aclAssociationXML] `xml:"associationSet" filter:"association"`
	Tags         set[tagXML]            `xml:"tagSet" filter:""`
}

// aclID is the ID of a VPC's default network ACL.
func aclID(vpc string) string { return "acl-" + strings.TrimPrefix(vpc, "vpc-") }

func (t *tx) aclXML(v *vpcRecord) aclXML {
	x := aclXML{ID: aclID(v.ID), VPC: v.ID, Owner: t.cfg.Account, Default: true}
	for _, egress := range []bool{true, false} {
		x.Entries.Items = append(x.Entries.Items, aclEntryXML{100, anyProtocol, "allow", egress, "0.0.0.0/0", ""})
		if len(v.IPv6) > 0 {
			x.Entries.Items = append(x.Entries.Items, aclEntryXML{101, anyProtocol, "allow", egress, "", "::/0"})
		}
		x.Entries.Items = append(x.Entries.Items, aclEntryXML{32767, anyProtocol, "deny", egress, "0.0.0.0/0", ""})
		if len(v.IPv6) > 0 {
			x.Entries.Items = append(x.Entries.Items, aclEntryXML{32768, anyProtocol, "deny", egress, "", "::/0"})
		}
	}
	for _, s := range byID(t.Subnets) {
		if s.VPC == v.ID {
			x.Associations.Items = append(x.Associations.Items,
				aclAssociationXML{"aclassoc-" + strings.TrimPrefix(s.ID, "subnet-"), x.ID, s.ID})
		}
	}
	return x
}

type describeACLsInput struct {
	query
	NetworkAclId []string
}

type describeACLsOutput struct {
	response
	ACLs      set[aclXML] `xml:"networkAclSet"`
	NextToken string      `xml:"nextToken,omitempty"`
}

func describeNetworkAcls(t *tx, in describeACLsInput) (*describeACLsOutput, error) {
	var all []item[aclXML]
	for _, v := range byID(t.VPCs) {
		all = append(all, item[aclXML]{aclID(v.ID), t.aclXML(v)})
	}
	page, next, err := choose(kindNetworkACL, all, in.NetworkAclId, in.query)
	if err != nil {
		return nil, err
	}
	return &describeACLsOutput{ACLs: page, NextToken: next}, nil
}

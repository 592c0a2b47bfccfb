package ec2

import "strings"

// The lab has the default network ACL of each VPC, which lets everything pass
// (VPC User Guide, default-network-acl), and no call to make or change one. It
// is made of the VPC, so it is in no record.

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
	ACL    string `xml:"networkAclId"`
	Subnet string `xml:"subnetId"`
}

type aclXML struct {
	ID           string                 `xml:"networkAclId"`
	VPC          string                 `xml:"vpcId"`
	Owner        string                 `xml:"ownerId"`
	Default      bool                   `xml:"default"`
	Entries      set[aclEntryXML]       `xml:"entrySet"`
	Associations set[aclAssociationXML] `xml:"associationSet"`
	Tags         set[tagXML]            `xml:"tagSet"`
}

// aclID is that of a VPC's default network ACL.
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
			x.Associations.Items = append(x.Associations.Items, aclAssociationXML{"aclassoc-" + strings.TrimPrefix(s.ID, "subnet-"), x.ID, s.ID})
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
	vpcs, next, err := choose(selection[vpcRecord]{
		kind: kindNetworkACL,
		id:   func(v *vpcRecord) string { return aclID(v.ID) },
		tags: func(*vpcRecord) tags { return nil },
		values: func(v *vpcRecord, name string) ([]string, bool) {
			switch name {
			case "network-acl-id":
				return one(aclID(v.ID))
			case "vpc-id":
				return one(v.ID)
			case "owner-id":
				return one(t.cfg.Account)
			case "default":
				return flag(true)
			case "association.subnet-id":
				return mapped(t.aclXML(v).Associations.Items, func(a aclAssociationXML) string { return a.Subnet }), true
			case "association.network-acl-id":
				return one(aclID(v.ID))
			}
			return nil, false
		},
	}, byID(t.VPCs), in.NetworkAclId, in.query)
	if err != nil {
		return nil, err
	}
	return &describeACLsOutput{ACLs: setOf(vpcs, t.aclXML), NextToken: next}, nil
}

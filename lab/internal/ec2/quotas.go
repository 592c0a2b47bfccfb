// SPDX-License-Identifier: Apache-2.0

package ec2

import "strconv"

// The default quotas of an account (VPC User Guide, amazon-vpc-limits). That of Elastic
// IPs is in Config.
const (
	maxVPCs        = 5   // per region
	maxCIDRs       = 5   // per VPC, for each family
	maxSubnets     = 200 // per VPC
	maxGateways    = maxVPCs
	maxRouteTables = 200 // per VPC
	maxRoutes      = 500 // per table, for each family
	maxGroups      = 2500
	maxENIGroups   = 5 // security groups per interface
	// maxRules is per group, direction and family.
	maxRules       = 60
	maxENIs        = 5000
	maxNATGateways = 5 // per availability zone
)

type accountAttributeXML struct {
	Name   string                        `xml:"attributeName"`
	Values set[accountAttributeValueXML] `xml:"attributeValueSet"`
}

type accountAttributeValueXML struct {
	Value string `xml:"attributeValue"`
}

type describeAccountInput struct {
	dryRun
	AttributeName []string
}

type describeAccountOutput struct {
	response
	Attributes set[accountAttributeXML] `xml:"accountAttributeSet"`
}

func describeAccountAttributes(t *tx, in describeAccountInput) (*describeAccountOutput, error) {
	all := map[string]string{
		"supported-platforms":                   "VPC",
		"default-vpc":                           "none",
		"max-instances":                         "20",
		"max-elastic-ips":                       strconv.Itoa(t.cfg.AddressQuota),
		"vpc-max-elastic-ips":                   strconv.Itoa(t.cfg.AddressQuota),
		"vpc-max-security-groups-per-interface": strconv.Itoa(maxENIGroups),
	}
	names := in.AttributeName
	if len(names) == 0 {
		names = sortedKeys(all)
	}
	out := &describeAccountOutput{}
	for _, name := range names {
		value, ok := all[name]
		if !ok {
			return nil, invalidParameter("Value (%s) for parameter attributeName is invalid. Unknown attribute.", name)
		}
		out.Attributes.Items = append(out.Attributes.Items,
			accountAttributeXML{name, set[accountAttributeValueXML]{Items: []accountAttributeValueXML{{value}}}})
	}
	return out, nil
}

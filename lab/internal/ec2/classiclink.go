// SPDX-License-Identifier: Apache-2.0

package ec2

// EC2-Classic was retired in 2022. EC2 still answers the questions about it, for each VPC
// that it is not linked (EC2 API Reference, DescribeVpcClassicLink).

type classicLinkXML struct {
	VPC     string      `xml:"vpcId"`
	Enabled bool        `xml:"classicLinkEnabled" filter:"is-classic-link-enabled"`
	Tags    set[tagXML] `xml:"tagSet" filter:""`
}

func (t *tx) classicLinkXML(v *vpcRecord) classicLinkXML {
	return classicLinkXML{VPC: v.ID, Tags: v.Tags.xml()}
}

type classicLinkDNSXML struct {
	VPC     string `xml:"vpcId"`
	Enabled bool   `xml:"classicLinkDnsSupported"`
}

type describeClassicLinkDNSInput struct {
	VpcIds     []string
	MaxResults *int
	NextToken  string
}

type describeClassicLinkDNSOutput struct {
	response
	VPCs      set[classicLinkDNSXML] `xml:"vpcs"`
	NextToken string                 `xml:"nextToken,omitempty"`
}

func describeVpcClassicLinkDNSSupport(t *tx, in describeClassicLinkDNSInput) (*describeClassicLinkDNSOutput, error) {
	var all []item[classicLinkDNSXML]
	for _, v := range byID(t.VPCs) {
		all = append(all, item[classicLinkDNSXML]{v.ID, classicLinkDNSXML{VPC: v.ID}})
	}
	page, next, err := choose(kindVPC, all, in.VpcIds, query{MaxResults: in.MaxResults, NextToken: in.NextToken})
	if err != nil {
		return nil, err
	}
	return &describeClassicLinkDNSOutput{VPCs: page, NextToken: next}, nil
}

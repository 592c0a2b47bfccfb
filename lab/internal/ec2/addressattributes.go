// SPDX-License-Identifier: Apache-2.0

package ec2

// The only attribute of an Elastic IP is its reverse DNS name, which needs a zone in
// Route 53: the lab's addresses have none.

type addressAttributeXML struct {
	Public     string `xml:"publicIp"`
	Allocation string `xml:"allocationId"`
}

type describeAddressAttributesInput struct {
	AllocationId []string
	Attribute    string
	DryRun       bool
	MaxResults   *int
	NextToken    string
}

func describeAddressesAttribute(t *tx, in describeAddressAttributesInput) (*described[addressAttributeXML], error) {
	if in.Attribute != "" && in.Attribute != "domain-name" {
		return nil, invalidParameter("Invalid value '%s' for attribute.", in.Attribute)
	}
	var all []item[addressAttributeXML]
	for _, a := range byID(t.Addresses) {
		all = append(all, item[addressAttributeXML]{a.ID, addressAttributeXML{a.Public.String(), a.ID}})
	}
	page, next, err := choose(kindAddress, all, in.AllocationId, query{MaxResults: in.MaxResults, NextToken: in.NextToken},
		pages{least: 1})
	if err != nil {
		return nil, err
	}
	return newDescribed("addressSet", page, next), nil
}

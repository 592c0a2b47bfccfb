// SPDX-License-Identifier: Apache-2.0

package ec2

// The lab has none of these resources, and no call to create one: describing them returns
// none, so that clients which look before they act go on.

var (
	kindEndpoint = kind{"Vpc Endpoint", "vpce", "InvalidVpcEndpointId.Malformed", "InvalidVpcEndpointId.NotFound", ""}
	kindPeering  = kind{"vpcPeeringConnection", "pcx", "InvalidVpcPeeringConnectionId.Malformed",
		"InvalidVpcPeeringConnectionID.NotFound", ""}
)

type endpointXML struct {
	ID      string      `xml:"vpcEndpointId" filter:"vpc-endpoint-id"`
	Type    string      `xml:"vpcEndpointType" filter:"vpc-endpoint-type"`
	VPC     string      `xml:"vpcId" filter:"vpc-id"`
	Service string      `xml:"serviceName" filter:"service-name"`
	State   string      `xml:"state" filter:"vpc-endpoint-state"`
	Family  string      `xml:"ipAddressType" filter:"ip-address-type"`
	Tags    set[tagXML] `xml:"tagSet" filter:""`
}

type peeringVPCXML struct {
	VPC   string `xml:"vpcId" filter:"vpc-id"`
	Owner string `xml:"ownerId" filter:"owner-id"`
	CIDR  string `xml:"cidrBlock" filter:"cidr-block"`
}

type peeringXML struct {
	ID        string        `xml:"vpcPeeringConnectionId" filter:"vpc-peering-connection-id"`
	Requester peeringVPCXML `xml:"requesterVpcInfo" filter:"requester-vpc-info"`
	Accepter  peeringVPCXML `xml:"accepterVpcInfo" filter:"accepter-vpc-info"`
	Expires   string        `xml:"expirationTime" filter:"expiration-time"`
	Code      string        `xml:"status>code" filter:"status-code"`
	Message   string        `xml:"status>message" filter:"status-message"`
	Tags      set[tagXML]   `xml:"tagSet" filter:""`
}

// none returns a Describe call that shows nothing, and refuses IDs, and filters that EC2
// does not know.
func none[X any](k kind, ids, element string) Handler {
	type input struct {
		query
		IDs []string
	}
	return readAs(map[string]string{"IDs": ids}, func(_ *tx, in input) (*described[X], error) {
		page, next, err := choose[X](k, nil, in.IDs, in.query)
		if err != nil {
			return nil, err
		}
		return newDescribed(element, page, next), nil
	})
}

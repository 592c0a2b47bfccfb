// SPDX-License-Identifier: Apache-2.0

package ec2

// The lab has no VPC endpoints and no call to create one: describing them returns none.

type endpointXML struct {
	ID string `xml:"vpcEndpointId"`
}

type describeEndpointsInput struct {
	query
	VpcEndpointId []string
}

type describeEndpointsOutput struct {
	response
	Endpoints set[endpointXML] `xml:"vpcEndpointSet"`
}

func describeVpcEndpoints(_ *tx, in describeEndpointsInput) (*describeEndpointsOutput, error) {
	if len(in.VpcEndpointId) > 0 {
		return nil, fail("InvalidVpcEndpointId.NotFound", "The Vpc Endpoint Id '%s' does not exist", in.VpcEndpointId[0])
	}
	return &describeEndpointsOutput{}, nil
}

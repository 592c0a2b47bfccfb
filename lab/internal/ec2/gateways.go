// SPDX-License-Identifier: Apache-2.0

package ec2

type gatewayRecord struct {
	ID  string
	VPC string // empty when detached
	tagHolder
}

type gatewayAttachmentXML struct {
	VPC   string `xml:"vpcId" filter:"vpc-id"`
	State string `xml:"state" filter:"state"`
}

type gatewayXML struct {
	ID          string                    `xml:"internetGatewayId" filter:"internet-gateway-id"`
	Owner       string                    `xml:"ownerId" filter:"owner-id"`
	Attachments set[gatewayAttachmentXML] `xml:"attachmentSet" filter:"attachment"`
	Tags        set[tagXML]               `xml:"tagSet" filter:""`
}

func (t *tx) gatewayXML(g *gatewayRecord) gatewayXML {
	x := gatewayXML{ID: g.ID, Owner: t.cfg.Account, Tags: g.Tags.xml()}
	if g.VPC != "" {
		x.Attachments.Items = []gatewayAttachmentXML{{g.VPC, "available"}}
	}
	return x
}

// gatewayOf is the Internet gateway attached to a VPC, or nil.
func (t *tx) gatewayOf(vpc string) *gatewayRecord {
	for _, g := range t.Gateways {
		if g.VPC == vpc {
			return g
		}
	}
	return nil
}

type createInternetGatewayInput struct {
	dryRun
	tagged
}

type createInternetGatewayOutput struct {
	response
	Gateway gatewayXML `xml:"internetGateway"`
}

func createInternetGateway(t *tx, in createInternetGatewayInput) (*createInternetGatewayOutput, error) {
	if len(t.Gateways) >= maxGateways {
		return nil, fail("InternetGatewayLimitExceeded", "The maximum number of internet gateways has been reached.")
	}
	g := &gatewayRecord{ID: kindGateway.newID()}
	var err error
	if g.Tags, err = in.tagsFor(kindGateway); err != nil {
		return nil, err
	}
	t.Gateways[g.ID] = g
	return &createInternetGatewayOutput{Gateway: t.gatewayXML(g)}, nil
}

type gatewayAndVPC struct {
	dryRun
	Gateway *gatewayRecord `form:"InternetGatewayId,required"`
	VPC     *vpcRecord     `form:"VpcId,required"`
}

func attachInternetGateway(t *tx, in gatewayAndVPC) (*done, error) {
	if in.Gateway.VPC != "" {
		return nil, fail("Resource.AlreadyAssociated", "resource %s is already attached to network %s", in.Gateway.ID,
			in.Gateway.VPC)
	}
	if t.gatewayOf(in.VPC.ID) != nil {
		return nil, invalidParameter("Network %s already has an internet gateway attached", in.VPC.ID)
	}
	in.Gateway.VPC = in.VPC.ID
	return ok()
}

func detachInternetGateway(t *tx, in gatewayAndVPC) (*done, error) {
	if in.Gateway.VPC != in.VPC.ID {
		return nil, fail("Gateway.NotAttached", "resource %s is not attached to network %s", in.Gateway.ID, in.VPC.ID)
	}
	for _, e := range t.ENIs {
		if e.VPC == in.VPC.ID && t.hasPublic(e) {
			return nil, fail("DependencyViolation", "Network %s has some mapped public address(es). Please unmap those "+
				"public address(es) before detaching the gateway.", in.VPC.ID)
		}
	}
	in.Gateway.VPC = ""
	return ok()
}

type oneGateway struct {
	dryRun
	Gateway *gatewayRecord `form:"InternetGatewayId,required"`
}

// deleteInternetGateway leaves routes to the gateway as black holes, which they have
// been since it was detached.
func deleteInternetGateway(t *tx, in oneGateway) (*done, error) {
	if in.Gateway.VPC != "" {
		return nil, dependencyViolation("internetGateway", in.Gateway.ID)
	}
	delete(t.Gateways, in.Gateway.ID)
	return ok()
}

package ec2

type gatewayRecord struct {
	ID  string
	VPC string // empty when detached
	tagHolder
}

type gatewayAttachmentXML struct {
	VPC   string `xml:"vpcId"`
	State string `xml:"state"`
}

type gatewayXML struct {
	ID          string                    `xml:"internetGatewayId"`
	Owner       string                    `xml:"ownerId"`
	Attachments set[gatewayAttachmentXML] `xml:"attachmentSet"`
	Tags        set[tagXML]               `xml:"tagSet"`
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

type gatewayVPCInput struct {
	dryRun
	InternetGatewayId string `form:",required"`
	VpcId             string `form:",required"`
}

func attachInternetGateway(t *tx, in gatewayVPCInput) (*done, error) {
	g, err := find(kindGateway, t.Gateways, in.InternetGatewayId)
	if err != nil {
		return nil, err
	}
	v, err := find(kindVPC, t.VPCs, in.VpcId)
	if err != nil {
		return nil, err
	}
	if g.VPC != "" {
		return nil, fail("Resource.AlreadyAssociated", "resource %s is already attached to network %s", g.ID, g.VPC)
	}
	if other := t.gatewayOf(v.ID); other != nil {
		return nil, invalidParameter("Network %s already has an internet gateway attached", v.ID)
	}
	g.VPC = v.ID
	return ok()
}

func detachInternetGateway(t *tx, in gatewayVPCInput) (*done, error) {
	g, err := find(kindGateway, t.Gateways, in.InternetGatewayId)
	if err != nil {
		return nil, err
	}
	v, err := find(kindVPC, t.VPCs, in.VpcId)
	if err != nil {
		return nil, err
	}
	if g.VPC != v.ID {
		return nil, fail("Gateway.NotAttached", "resource %s is not attached to network %s", g.ID, v.ID)
	}
	for _, e := range t.ENIs {
		if e.VPC == v.ID && t.hasPublic(e) {
			return nil, fail("DependencyViolation", "Network %s has some mapped public address(es). Please unmap those public address(es) before detaching the gateway.", v.ID)
		}
	}
	g.VPC = ""
	return ok()
}

type gatewayIDInput struct {
	dryRun
	InternetGatewayId string `form:",required"`
}

// deleteInternetGateway leaves routes to the gateway as black holes, which is
// what they became when it was detached.
func deleteInternetGateway(t *tx, in gatewayIDInput) (*done, error) {
	g, err := find(kindGateway, t.Gateways, in.InternetGatewayId)
	if err != nil {
		return nil, err
	}
	if g.VPC != "" {
		return nil, dependencyViolation("internetGateway", g.ID)
	}
	delete(t.Gateways, g.ID)
	return ok()
}

type describeInternetGatewaysInput struct {
	query
	InternetGatewayId []string
}

type describeInternetGatewaysOutput struct {
	response
	Gateways  set[gatewayXML] `xml:"internetGatewaySet"`
	NextToken string          `xml:"nextToken,omitempty"`
}

func describeInternetGateways(t *tx, in describeInternetGatewaysInput) (*describeInternetGatewaysOutput, error) {
	gateways, next, err := choose(selection[gatewayRecord]{
		kind: kindGateway,
		id:   func(g *gatewayRecord) string { return g.ID },
		tags: func(g *gatewayRecord) tags { return g.Tags },
		values: func(g *gatewayRecord, name string) ([]string, bool) {
			switch name {
			case "internet-gateway-id":
				return one(g.ID)
			case "owner-id":
				return one(t.cfg.Account)
			case "attachment.vpc-id":
				if g.VPC == "" {
					return none()
				}
				return one(g.VPC)
			case "attachment.state":
				if g.VPC == "" {
					return none()
				}
				return one("available")
			}
			return nil, false
		},
	}, byID(t.Gateways), in.InternetGatewayId, in.query)
	if err != nil {
		return nil, err
	}
	return &describeInternetGatewaysOutput{Gateways: setOf(gateways, t.gatewayXML), NextToken: next}, nil
}

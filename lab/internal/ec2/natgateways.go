// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"context"
	"net/netip"
	"slices"
	"time"
)

// The states of a NAT gateway.
const (
	natPending   = "pending"
	natAvailable = "available"
	natFailed    = "failed"
	natDeleting  = "deleting"
	natDeleted   = "deleted"
)

const (
	// natDelay is the time a NAT gateway stays in transition: long enough to expose a
	// client that does not wait. AWS takes minutes.
	natDelay = time.Second
	// rememberNAT is how long a failed or deleted gateway is shown (VPC User Guide,
	// nat-gateway-troubleshooting: "usually in about an hour").
	rememberNAT = time.Hour
)

type natGatewayRecord struct {
	ID      string
	VPC     string
	Subnet  string
	Private bool // without Internet access
	// Address is the private address of ENI. Like the fields of the Elastic IP, it
	// outlives the interface.
	ENI         string
	Address     netip.Addr
	Allocation  string
	Association string
	Public      netip.Addr
	State       string
	// Failure is the reason of state failed.
	Failure reasonXML
	Created time.Time
	Ended   time.Time // when it failed or deletion began
	tagHolder
}

type natAddressXML struct {
	Address     string `xml:"privateIp,omitempty"`
	ENI         string `xml:"networkInterfaceId,omitempty"`
	Allocation  string `xml:"allocationId,omitempty"`
	Association string `xml:"associationId,omitempty"`
	Public      string `xml:"publicIp,omitempty"`
	Primary     bool   `xml:"isPrimary"`
	Status      string `xml:"status"`
}

type natGatewayXML struct {
	ID             string             `xml:"natGatewayId" filter:"nat-gateway-id"`
	VPC            string             `xml:"vpcId" filter:"vpc-id"`
	Subnet         string             `xml:"subnetId" filter:"subnet-id"`
	State          string             `xml:"state" filter:"state"`
	Connectivity   string             `xml:"connectivityType"`
	Availability   string             `xml:"availabilityMode"`
	Created        string             `xml:"createTime"`
	Deleted        string             `xml:"deleteTime,omitempty"`
	FailureCode    string             `xml:"failureCode,omitempty"`
	FailureMessage string             `xml:"failureMessage,omitempty"`
	Addresses      set[natAddressXML] `xml:"natGatewayAddressSet"`
	Tags           set[tagXML]        `xml:"tagSet" filter:""`
}

func (t *tx) natGatewayXML(n *natGatewayRecord) natGatewayXML {
	x := natGatewayXML{ID: n.ID, VPC: n.VPC, Subnet: n.Subnet, State: n.State, Connectivity: n.connectivity(),
		Availability: "zonal", Created: timestamp(n.Created), Tags: n.Tags.xml(),
		FailureCode: n.Failure.Code, FailureMessage: n.Failure.Message}
	a := natAddressXML{ENI: n.ENI, Allocation: n.Allocation, Association: n.Association,
		Primary: true, Status: "succeeded"}
	switch n.State {
	case natPending:
		a.Status = "associating"
	case natFailed:
		a.Status = "failed"
	case natDeleting, natDeleted:
		a.Status = "disassociating"
	}
	if n.Address.IsValid() {
		a.Address = n.Address.String()
	}
	if n.Public.IsValid() {
		a.Public = n.Public.String()
	}
	if n.State == natDeleting || n.State == natDeleted {
		x.Deleted = timestamp(n.Ended)
	}
	x.Addresses.Items = []natAddressXML{a}
	return x
}

func (n *natGatewayRecord) connectivity() string {
	if n.Private {
		return "private"
	}
	return "public"
}

type createNATGatewayInput struct {
	dryRun
	tagged
	SubnetId         string `form:",required"`
	AllocationId     string
	ClientToken      string
	ConnectivityType string
	PrivateIpAddress string
	AvailabilityMode string
}

type createNATGatewayOutput struct {
	response
	Token   string        `xml:"clientToken,omitempty"`
	Gateway natGatewayXML `xml:"natGateway"`
}

// createNatGateway makes a NAT gateway with its interface. If a prerequisite is
// missing, the call succeeds and the gateway fails afterwards (VPC User Guide,
// nat-gateway-troubleshooting).
func createNatGateway(t *tx, in createNATGatewayInput) (*createNATGatewayOutput, error) {
	made, again, err := t.replay(in.ClientToken)
	if err != nil {
		return nil, err
	}
	if n := t.NATGateways[made]; again && n != nil {
		return &createNATGatewayOutput{Token: in.ClientToken, Gateway: t.natGatewayXML(n)}, nil
	}
	s, err := find(kindSubnet, t.Subnets, in.SubnetId)
	if err != nil {
		return nil, err
	}
	n := &natGatewayRecord{ID: kindNATGateway.newID(), VPC: s.VPC, Subnet: s.ID, State: natPending, Created: t.now}
	switch in.ConnectivityType {
	case "", "public":
	case "private":
		n.Private = true
	default:
		return nil, invalidParameter("Invalid value '%s' for connectivityType.", in.ConnectivityType)
	}
	switch {
	case in.AvailabilityMode != "" && in.AvailabilityMode != "zonal":
		return nil, unsupported("The lab has no regional NAT gateways")
	case n.Private && in.AllocationId != "":
		return nil, badCombination("A private NAT gateway cannot have an Elastic IP address")
	case !n.Private && in.AllocationId == "":
		return nil, missingParameter("AllocationId")
	case t.natGatewaysIn(s.Zone) >= maxNATGateways:
		return nil, fail("NatGatewayLimitExceeded",
			"Performing this operation would exceed the limit of %d NAT gateways", maxNATGateways)
	}
	var elastic *addressRecord
	if !n.Private {
		if elastic, err = t.natElasticIP(in.AllocationId); err != nil {
			return nil, err
		}
		n.Allocation = elastic.ID
	}
	if err := t.natInterface(n, s, elastic, in.PrivateIpAddress); err != nil {
		return nil, err
	}
	if n.Tags, err = in.tagsFor(kindNATGateway); err != nil {
		return nil, err
	}
	t.NATGateways[n.ID] = n
	t.remember(in.ClientToken, n.ID)
	return &createNATGatewayOutput{Token: in.ClientToken, Gateway: t.natGatewayXML(n)}, nil
}

// natElasticIP returns the Elastic IP for a NAT gateway. If there is none, this call has a code of its own (users'
// reports, hashicorp/terraform-provider-aws#27087).
func (t *tx) natElasticIP(id string) (*addressRecord, error) {
	elastic, err := find(kindAddress, t.Addresses, id)
	if err != nil && kindAddress.check(id) == nil {
		return nil, fail("InvalidElasticIpID.NotFound", "The elasticIp ID '%s' does not exist", id)
	}
	return elastic, err
}

// natInterface makes the interface of a NAT gateway and associates the Elastic IP, if any, or determines why the
// gateway will fail.
func (t *tx) natInterface(n *natGatewayRecord, s *subnetRecord, elastic *addressRecord, private string) error {
	const full = "InsufficientFreeAddressesInSubnet"
	e, err := t.newENI(eniSpec{SubnetId: s.ID, PrivateIpAddress: private,
		Description: "Interface for NAT Gateway " + n.ID})
	if err != nil && asAPIError(err).Code == full {
		n.Failure = reasonXML{full, "Subnet has insufficient free addresses to create this NAT gateway"}
		return nil
	}
	if err != nil {
		return err
	}
	e.NATGateway, e.SourceDestCheck, e.Groups, e.IPv6 = n.ID, false, nil, nil
	e.Attachment = &attachmentRecord{ID: newID("ela-attach"), DeviceIndex: 1, Status: attached, At: t.now}
	n.ENI, n.Address = e.ID, e.primary()
	switch {
	case elastic == nil:
	case t.gatewayOf(s.VPC) == nil:
		n.Failure = reasonXML{"Gateway.NotAttached", "Network " + s.VPC + " has no Internet gateway attached"}
	case elastic.Association != "":
		n.Failure = reasonXML{"Resource.AlreadyAssociated", "Elastic IP address " + elastic.ID + " is already associated"}
	default:
		elastic.Association, elastic.ENI, elastic.Private = newID(kindAddressAssoc.prefix), e.ID, e.primary()
		n.Association, n.Public = elastic.Association, elastic.Public
	}
	return nil
}

// natGatewaysIn counts a zone's gateways towards the quota (VPC User Guide,
// nat-gateway-troubleshooting).
func (t *tx) natGatewaysIn(zone string) int {
	count := 0
	for _, n := range t.NATGateways {
		// Without an interface it does not keep its subnet.
		s := t.Subnets[n.Subnet]
		if n.State != natFailed && n.State != natDeleted && s != nil && s.Zone == zone {
			count++
		}
	}
	return count
}

type oneNATGateway struct {
	dryRun
	Gateway *natGatewayRecord `form:"NatGatewayId,required"`
}

type deleteNATGatewayOutput struct {
	response
	ID string `xml:"natGatewayId"`
}

// deleteNatGateway starts the deletion of a NAT gateway; its Elastic IP is free when
// that is done. Routes to it stay as black holes.
func deleteNatGateway(t *tx, in oneNATGateway) (*deleteNATGatewayOutput, error) {
	n := in.Gateway
	switch n.State {
	case natDeleted:
		return nil, kindNATGateway.missing(n.ID)
	case natFailed:
		n.State = natDeleted
	case natPending, natAvailable:
		n.State, n.Ended = natDeleting, t.now
	}
	return &deleteNATGatewayOutput{ID: n.ID}, nil
}

// moveNATGateway completes a NAT gateway's transition.
func (s *State) moveNATGateway(ctx context.Context, id string) {
	pause(ctx, natDelay)
	if ctx.Err() != nil {
		return
	}
	s.note("the state of "+id, func(t *tx) error {
		n := t.NATGateways[id]
		switch {
		case n == nil:
			return errDiscard
		case n.State == natPending && n.Failure.Code == "":
			n.State = natAvailable
			return nil
		case n.State == natPending:
			n.State, n.Ended = natFailed, t.now
		case n.State == natDeleting:
			n.State = natDeleted
		default:
			return errDiscard
		}
		if e := t.ENIs[n.ENI]; e != nil {
			t.deleteENI(e)
		}
		return nil
	})
}

// natGatewaysAvailable returns those in state available, by ID.
func (t *tx) natGatewaysAvailable() []*natGatewayRecord {
	return slices.DeleteFunc(byID(t.NATGateways), func(n *natGatewayRecord) bool { return n.State != natAvailable })
}

// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"net/netip"

	"macaw.example/lab/internal/ec2query"
)

// addressRecord is an Elastic IP.
type addressRecord struct {
	ID     string
	Public netip.Addr
	// The association; its fields are empty if there is none.
	Association string
	ENI         string
	Private     netip.Addr
	tagHolder
}

func (a *addressRecord) disassociate() { a.Association, a.ENI, a.Private = "", "", netip.Addr{} }

// addressOn returns the Elastic IP on a private address of an interface, or nil. There
// is at most one (EC2 User Guide, elastic-ip-addresses-eip).
func (t *tx) addressOn(eni string, private netip.Addr) *addressRecord {
	for _, a := range t.Addresses {
		if a.ENI == eni && a.Private == private && eni != "" {
			return a
		}
	}
	return nil
}

// address finds an Elastic IP by its allocation ID or by the address itself.
func (t *tx) address(allocation, public string) (*addressRecord, error) {
	switch {
	case allocation != "" && public != "":
		return nil, badCombination("You may specify public IP or allocation id, but not both in the same call")
	case allocation != "":
		return find(kindAddress, t.Addresses, allocation)
	case public == "":
		return nil, missingParameter("AllocationId")
	}
	for _, a := range t.Addresses {
		if a.Public.String() == public {
			return a, nil
		}
	}
	if _, err := netip.ParseAddr(public); err != nil {
		return nil, invalidParameter("Value (%s) for parameter publicIp is invalid. Invalid IPv4 address", public)
	}
	return nil, fail("InvalidAddress.NotFound", "Address '%s' not found.", public)
}

type allocateAddressInput struct {
	dryRun
	tagged
	Domain             string
	Address            string
	NetworkBorderGroup string
	PublicIpv4Pool     string
}

type allocateAddressOutput struct {
	response
	Public      string `xml:"publicIp"`
	Domain      string `xml:"domain"`
	ID          string `xml:"allocationId"`
	Pool        string `xml:"publicIpv4Pool"`
	BorderGroup string `xml:"networkBorderGroup"`
}

func allocateAddress(t *tx, in allocateAddressInput) (*allocateAddressOutput, error) {
	if in.Domain != "" && in.Domain != "vpc" {
		return nil, invalidParameter("Invalid value '%s' for domain.", in.Domain)
	}
	if in.PublicIpv4Pool != "" && in.PublicIpv4Pool != "amazon" {
		return nil, fail("InvalidPublicIpv4PoolID.NotFound", "The pool ID '%s' does not exist.", in.PublicIpv4Pool)
	}
	if in.NetworkBorderGroup != "" && in.NetworkBorderGroup != t.cfg.Region {
		return nil, invalidParameter("Invalid value '%s' for networkBorderGroup.", in.NetworkBorderGroup)
	}
	if len(t.Addresses) >= t.cfg.AddressQuota {
		return nil, fail("AddressLimitExceeded", "The maximum number of addresses has been reached.")
	}
	public, err := t.freePublic(in.Address)
	if err != nil {
		return nil, err
	}
	a := &addressRecord{ID: kindAddress.newID(), Public: public}
	if a.Tags, err = in.tagsFor(kindAddress); err != nil {
		return nil, err
	}
	t.Addresses[a.ID] = a
	return &allocateAddressOutput{Public: public.String(), Domain: "vpc", ID: a.ID, Pool: "amazon",
		BorderGroup: t.cfg.Region}, nil
}

// freePublic finds a free address in the pool: the one requested, or else the lowest.
func (t *tx) freePublic(want string) (netip.Addr, error) {
	taken := map[netip.Addr]bool{}
	for _, a := range t.Addresses {
		taken[a.Public] = true
	}
	for _, e := range t.ENIs {
		taken[e.Public] = true
	}
	for i := t.cfg.ReservedAddresses; i < size(t.cfg.Addresses)-1; i++ {
		a := addressAt(t.cfg.Addresses, i)
		if !taken[a] && (want == "" || want == a.String()) {
			return a, nil
		}
	}
	if want != "" {
		return netip.Addr{}, fail("InvalidAddress.NotFound", "Address '%s' not found.", want)
	}
	return netip.Addr{}, fail("InsufficientAddressCapacity", "Insufficient capacity of public addresses.")
}

type addressInput struct {
	dryRun
	AllocationId       string
	PublicIp           string
	NetworkBorderGroup string
}

func releaseAddress(t *tx, in addressInput) (*done, error) {
	a, err := t.address(in.AllocationId, in.PublicIp)
	if err != nil {
		return nil, err
	}
	if err := t.userAddress(a); err != nil {
		return nil, err
	}
	if a.Association != "" {
		return nil, fail("InvalidIPAddress.InUse", "Address %s is in use.", a.Public)
	}
	delete(t.Addresses, a.ID)
	return ok()
}

// userAddress refuses an Elastic IP in use by a NAT gateway. Deleting the gateway frees
// it.
func (t *tx) userAddress(a *addressRecord) error {
	if e := t.ENIs[a.ENI]; e != nil && e.NATGateway != "" {
		return fail("AuthFailure", "You do not have permission to access the specified resource.")
	}
	return nil
}

type associateAddressInput struct {
	dryRun
	AllocationId       string
	PublicIp           string
	NetworkInterfaceId string
	InstanceId         string
	PrivateIpAddress   string
	AllowReassociation *bool
}

type associateAddressOutput struct {
	response
	Return bool   `xml:"return"`
	ID     string `xml:"associationId"`
}

// associateAddress puts an Elastic IP on a private address, by default the primary one.
// It ends any existing association of either, unless AllowReassociation is false (EC2
// API Reference, AssociateAddress).
func associateAddress(t *tx, in associateAddressInput) (*associateAddressOutput, error) {
	a, err := t.address(in.AllocationId, in.PublicIp)
	if err != nil {
		return nil, err
	}
	if err := t.userAddress(a); err != nil {
		return nil, err
	}
	e, err := t.associationTarget(in)
	if err != nil {
		return nil, err
	}
	private := e.primary()
	if in.PrivateIpAddress != "" {
		if private, err = netip.ParseAddr(in.PrivateIpAddress); err != nil || !private.Is4() || !e.has(private) {
			return nil, invalidParameter("The private IP address %s is not assigned to interface %s", in.PrivateIpAddress, e.ID)
		}
	}
	if t.gatewayOf(e.VPC) == nil {
		return nil, fail("Gateway.NotAttached", "Network %s is not attached to any internet gateway", e.VPC)
	}
	if a.ENI == e.ID && a.Private == private {
		return &associateAddressOutput{Return: true, ID: a.Association}, nil
	}
	refuse := in.AllowReassociation != nil && !*in.AllowReassociation
	if a.Association != "" && refuse {
		return nil, fail("Resource.AlreadyAssociated", "resource %s is already associated with associate-id %s", a.ID,
			a.Association)
	}
	if other := t.addressOn(e.ID, private); other != nil {
		if refuse {
			return nil, fail("Resource.AlreadyAssociated", "resource %s is already associated with associate-id %s", e.ID,
				other.Association)
		}
		other.disassociate()
	}
	former := a.ENI
	a.Association, a.ENI, a.Private = newID(kindAddressAssoc.prefix), e.ID, private
	if private == e.primary() {
		e.Public = netip.Addr{} // returns to AWS's pool
	}
	t.restorePublic(former)
	return &associateAddressOutput{Return: true, ID: a.Association}, nil
}

// restorePublic gives an interface that has lost its Elastic IP a public address again,
// if it had one from its launch and the pool has one left (EC2 User Guide,
// elastic-ip-addresses-eip).
func (t *tx) restorePublic(eni string) {
	if e := t.ENIs[eni]; e != nil && e.NATGateway == "" && t.carries(e) {
		_ = t.mapPublic(t.Instances[e.Attachment.Instance])
	}
}

func (t *tx) associationTarget(in associateAddressInput) (*eniRecord, error) {
	switch {
	case in.NetworkInterfaceId != "":
		e, err := t.ownENI(in.NetworkInterfaceId)
		// The API Reference excludes both; Terraform's documentation of aws_eip says that
		// AWS returns no error. Terraform gives both when it moves an address.
		if err == nil && in.InstanceId != "" && (e.Attachment == nil || e.Attachment.Instance != in.InstanceId) {
			err = badCombination("You may specify an instance ID or a network interface ID, but not both")
		}
		return e, err
	case in.InstanceId == "":
		return nil, missingParameter("InstanceId or NetworkInterfaceId")
	}
	i, err := find(kindInstance, t.Instances, in.InstanceId)
	if err != nil {
		return nil, err
	}
	if i.State != stateRunning && i.State != stateStopped {
		return nil, fail("InvalidInstanceID",
			"The %s instance '%s' is not in a valid state for this operation.", i.State, i.ID)
	}
	return t.onlyENI(i.ID)
}

type disassociateAddressInput struct {
	dryRun
	AssociationId string
	PublicIp      string
}

func disassociateAddress(t *tx, in disassociateAddressInput) (*done, error) {
	if in.AssociationId == "" {
		a, err := t.address("", in.PublicIp)
		if err != nil {
			return nil, err
		}
		return t.disassociate(a) // idempotent
	}
	for _, a := range t.Addresses {
		if a.Association == in.AssociationId {
			return t.disassociate(a)
		}
	}
	if err := kindAddressAssoc.check(in.AssociationId); err != nil {
		return nil, err
	}
	return nil, kindAddressAssoc.missing(in.AssociationId)
}

func (t *tx) disassociate(a *addressRecord) (*done, error) {
	if err := t.userAddress(a); err != nil {
		return nil, err
	}
	former := a.ENI
	a.disassociate()
	t.restorePublic(former)
	return ok()
}

type addressXML struct {
	ID          string      `xml:"allocationId" filter:"allocation-id"`
	Public      string      `xml:"publicIp" filter:"public-ip"`
	Domain      string      `xml:"domain" filter:"domain"`
	Pool        string      `xml:"publicIpv4Pool"`
	BorderGroup string      `xml:"networkBorderGroup" filter:"network-border-group"`
	Association string      `xml:"associationId,omitempty" filter:"association-id"`
	ENI         string      `xml:"networkInterfaceId,omitempty" filter:"network-interface-id"`
	ENIOwner    string      `xml:"networkInterfaceOwnerId,omitempty" filter:"network-interface-owner-id"`
	Instance    string      `xml:"instanceId,omitempty" filter:"instance-id"`
	Private     string      `xml:"privateIpAddress,omitempty" filter:"private-ip-address"`
	Subnet      string      `xml:"subnetId,omitempty"`
	Tags        set[tagXML] `xml:"tagSet" filter:""`
}

func (t *tx) addressXML(a *addressRecord) addressXML {
	x := addressXML{ID: a.ID, Public: a.Public.String(), Domain: "vpc", Pool: "amazon", BorderGroup: t.cfg.Region,
		Tags: a.Tags.xml()}
	if a.Association != "" {
		x.Association, x.ENI, x.ENIOwner, x.Private = a.Association, a.ENI, t.cfg.Account, a.Private.String()
		e := t.ENIs[a.ENI]
		if x.Subnet = e.Subnet; e.Attachment != nil {
			x.Instance = e.Attachment.Instance
		}
	}
	return x
}

// DescribeAddresses has no pages.
type describeAddressesInput struct {
	dryRun
	Filter       []ec2query.Filter
	AllocationId []string
	PublicIp     []string
}

type describeAddressesOutput struct {
	response
	Addresses set[addressXML] `xml:"addressesSet"`
}

func describeAddresses(t *tx, in describeAddressesInput) (*describeAddressesOutput, error) {
	ids := in.AllocationId
	for _, public := range in.PublicIp {
		a, err := t.address("", public)
		if err != nil {
			return nil, err
		}
		ids = append(ids, a.ID)
	}
	var all []item[addressXML]
	for _, a := range byID(t.Addresses) {
		all = append(all, item[addressXML]{a.ID, t.addressXML(a)})
	}
	addresses, _, err := choose(kindAddress, all, ids, query{Filter: in.Filter})
	if err != nil {
		return nil, err
	}
	return &describeAddressesOutput{Addresses: addresses}, nil
}

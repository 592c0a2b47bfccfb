package ec2

import (
	"net/netip"
	"slices"
	"strings"
)

// checkAddress parses an address that is to become a private one.
func checkAddress(s *subnetRecord, text string) (netip.Addr, error) {
	a, err := netip.ParseAddr(text)
	switch {
	case err != nil || !a.Is4():
		return a, invalidParameter("Invalid IP address %s", text)
	case !s.CIDR.Contains(a):
		return a, invalidParameter("Address %s does not fall within the subnet's address range", a)
	case s.reserved(a):
		return a, invalidParameter("Address %s is in subnet's reserved address range", a)
	}
	return a, nil
}

// pick finds free addresses, the lowest first.
func (t *tx) pick(s *subnetRecord, n int, besides []netip.Addr) ([]netip.Addr, error) {
	used := t.used(s.ID)
	var picked []netip.Addr
	for i := 4; i < size(s.CIDR)-1 && len(picked) < n; i++ {
		a := addressAt(s.CIDR, i)
		if used[a] == nil && !slices.Contains(besides, a) {
			picked = append(picked, a)
		}
	}
	if len(picked) < n {
		return nil, fail("InsufficientFreeAddressesInSubnet", "The specified subnet does not have enough free addresses to satisfy the request.")
	}
	return picked, nil
}

// chooseAddresses are those of a new interface, the primary first.
func (t *tx) chooseAddresses(s *subnetRecord, in eniSpec) ([]netip.Addr, error) {
	primary := in.PrivateIpAddress
	var secondaries []string
	for _, p := range in.PrivateIpAddresses {
		switch {
		case !p.Primary:
			secondaries = append(secondaries, p.PrivateIpAddress)
		case primary != "":
			return nil, invalidParameter("Only one primary private IP address can be specified.")
		default:
			primary = p.PrivateIpAddress
		}
	}
	if len(secondaries) > 0 && in.SecondaryPrivateIpAddressCount > 0 {
		return nil, badCombination("The parameters privateIpAddresses and secondaryPrivateIpAddressCount cannot both be specified")
	}
	if in.SecondaryPrivateIpAddressCount < 0 {
		return nil, invalidParameter("Invalid value '%d' for secondaryPrivateIpAddressCount", in.SecondaryPrivateIpAddressCount)
	}
	used := t.used(s.ID)
	var named []netip.Addr
	for _, text := range append(slices.DeleteFunc([]string{primary}, isEmpty), secondaries...) {
		a, err := checkAddress(s, text)
		if err != nil {
			return nil, err
		}
		if used[a] != nil {
			return nil, fail("InvalidIPAddress.InUse", "The specified address is already in use.")
		}
		if slices.Contains(named, a) {
			return nil, invalidParameter("Duplicate private IP address %s", a)
		}
		named = append(named, a)
	}
	if primary != "" {
		picked, err := t.pick(s, in.SecondaryPrivateIpAddressCount, named)
		return append(named, picked...), err
	}
	picked, err := t.pick(s, 1+in.SecondaryPrivateIpAddressCount, named)
	if err != nil {
		return nil, err
	}
	return slices.Concat(picked[:1], named, picked[1:]), nil
}

func isEmpty(s string) bool { return s == "" }

// addressLimit is how many private addresses an interface may have: what the
// type of its instance allows (EC2 User Guide, using-eni). Nothing is said about
// one that is on no instance; the most that any type allows is taken.
func (t *tx) addressLimit(e *eniRecord) int {
	if e.Attachment != nil {
		return instanceTypes[t.Instances[e.Attachment.Instance].Type].Addresses
	}
	most := 0
	for _, limits := range instanceTypes {
		most = max(most, limits.Addresses)
	}
	return most
}

// AssignPrivateIpAddresses knows neither DryRun nor ClientToken.
type assignInput struct {
	NetworkInterfaceId             string `form:",required"`
	PrivateIpAddress               []string
	SecondaryPrivateIpAddressCount *int
	Ipv4Prefix                     []string
	Ipv4PrefixCount                *int
	AllowReassignment              bool
}

type assignedXML struct {
	Address string `xml:"privateIpAddress"`
}

type assignOutput struct {
	response
	Interface string           `xml:"networkInterfaceId"`
	Assigned  set[assignedXML] `xml:"assignedPrivateIpAddressesSet"`
	Return    bool             `xml:"return"`
}

// assignPrivateIpAddresses registers secondary addresses, all or none. With
// AllowReassignment an address moves from another interface, and the Elastic
// IP on it with it (EC2 API Reference, AssignPrivateIpAddresses).
func assignPrivateIpAddresses(t *tx, in assignInput) (*assignOutput, error) {
	if len(in.Ipv4Prefix) > 0 || in.Ipv4PrefixCount != nil {
		return nil, unsupported("The lab has no prefix delegation")
	}
	byCount := in.SecondaryPrivateIpAddressCount != nil
	switch {
	case byCount && len(in.PrivateIpAddress) > 0:
		return nil, badCombination("The parameters privateIpAddress and secondaryPrivateIpAddressCount cannot both be specified")
	case !byCount && len(in.PrivateIpAddress) == 0:
		return nil, missingParameter("privateIpAddress or secondaryPrivateIpAddressCount")
	case byCount && *in.SecondaryPrivateIpAddressCount < 1:
		return nil, invalidParameter("Invalid value '%d' for secondaryPrivateIpAddressCount", *in.SecondaryPrivateIpAddressCount)
	}
	e, err := find(kindENI, t.ENIs, in.NetworkInterfaceId)
	if err != nil {
		return nil, err
	}
	s := t.Subnets[e.Subnet]
	var wanted []netip.Addr
	if byCount {
		wanted, err = t.pick(s, *in.SecondaryPrivateIpAddressCount, nil)
	} else {
		wanted, err = parseAddresses(in.PrivateIpAddress, func(text string) (netip.Addr, error) { return checkAddress(s, text) })
	}
	if err != nil {
		return nil, err
	}
	used := t.used(s.ID)
	var foreign []string
	adding := 0
	for _, a := range wanted {
		switch holder := used[a]; {
		case holder == e:
			continue
		case holder != nil && holder.primary() == a:
			return nil, invalidParameter("%s is the primary private address of %s and cannot be moved.", a, holder.ID)
		case holder != nil:
			foreign = append(foreign, a.String())
		}
		adding++
	}
	if len(foreign) > 0 && !in.AllowReassignment {
		return nil, invalidParameter("[%s] assigned, but move is not allowed.", strings.Join(foreign, ", "))
	}
	if len(e.Addresses)+adding > t.addressLimit(e) {
		return nil, fail("PrivateIpAddressLimitExceeded", "%s: Number of private addresses will exceed limit.", e.ID)
	}
	for _, a := range wanted {
		t.move(a, used[a], e)
	}
	return &assignOutput{Interface: e.ID, Return: true, Assigned: setOf(wanted, func(a netip.Addr) assignedXML { return assignedXML{a.String()} })}, nil
}

// move gives an address to an interface, with its Elastic IP.
func (t *tx) move(a netip.Addr, from, to *eniRecord) {
	if from == to {
		return
	}
	to.Addresses = append(to.Addresses, a)
	if from == nil {
		return
	}
	from.Addresses = slices.DeleteFunc(from.Addresses, func(have netip.Addr) bool { return have == a })
	if elastic := t.addressOn(from.ID, a); elastic != nil {
		elastic.ENI = to.ID
	}
}

// parseAddresses parses a list without repetitions.
func parseAddresses(texts []string, parse func(string) (netip.Addr, error)) ([]netip.Addr, error) {
	var all []netip.Addr
	for _, text := range texts {
		a, err := parse(text)
		if err != nil {
			return nil, err
		}
		if slices.Contains(all, a) {
			return nil, invalidParameter("Duplicate private IP address %s", a)
		}
		all = append(all, a)
	}
	return all, nil
}

// UnassignPrivateIpAddresses knows neither DryRun nor ClientToken.
type unassignInput struct {
	NetworkInterfaceId string `form:",required"`
	PrivateIpAddress   []string
	Ipv4Prefix         []string
}

// unassignPrivateIpAddresses takes secondary addresses away, all or none; an
// Elastic IP on one is disassociated (EC2 API Reference,
// UnassignPrivateIpAddresses).
func unassignPrivateIpAddresses(t *tx, in unassignInput) (*done, error) {
	if len(in.Ipv4Prefix) > 0 {
		return nil, unsupported("The lab has no prefix delegation")
	}
	if len(in.PrivateIpAddress) == 0 {
		return nil, missingParameter("privateIpAddress")
	}
	e, err := find(kindENI, t.ENIs, in.NetworkInterfaceId)
	if err != nil {
		return nil, err
	}
	for _, text := range in.PrivateIpAddress {
		a, err := netip.ParseAddr(text)
		if err != nil {
			return nil, invalidParameter("Invalid IP address %s", text)
		}
		i := slices.Index(e.Addresses, a)
		switch {
		case i < 0:
			return nil, invalidParameter("Some of the specified addresses are not assigned to interface %s", e.ID)
		case i == 0:
			return nil, invalidParameter("The primary IP address of an interface cannot be unassigned.")
		}
		e.Addresses = slices.Delete(e.Addresses, i, i+1)
		if elastic := t.addressOn(e.ID, a); elastic != nil {
			elastic.disassociate()
		}
	}
	return ok()
}

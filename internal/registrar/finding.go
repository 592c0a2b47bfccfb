package registrar

import (
	"cmp"
	"net/netip"
	"slices"
)

// Code says what kind of thing cannot be done.
type Code string

// The codes of findings.
const (
	ElasticIPQuota Code = "elastic-ip-quota"       // the account may hold no more Elastic IPs
	ENIFull        Code = "network-interface-full" // every provider interface has as many addresses as it takes
	AddressInUse   Code = "address-in-use"         // somebody who is not of this cloud has the address
	OutOfRange     Code = "address-out-of-range"   // Neutron gave out what is not the cloud's
	PoolEmpty      Code = "pool-empty"             // no Elastic IP of the pool is free
	NoGateway      Code = "no-internet-gateway"    // the VPC has none
	NoElasticIP    Code = "no-elastic-ip"          // policy All, and the cloud was made without one
	ReleasesHeld   Code = "releases-held"          // many addresses would be released at once
	Refused        Code = "refused"                // AWS says no; the text says why
	Unavailable    Code = "aws-unavailable"        // AWS did not do it in several tries
)

// Finding is something wanted that cannot be had. Everything else goes on, and
// it is tried again.
type Finding struct {
	Addr netip.Addr // invalid if it is about none
	Code Code
	Text string // a sentence without a full stop
	Hint string // what to do, or empty
}

var hints = map[Code]string{
	ElasticIPQuota: "ask AWS for a higher quota of Elastic IPs (Service Quotas, L-0263D0A3), or give floating IPs back",
	ENIFull:        "add a gateway node, or take an instance type that carries more addresses",
	AddressInUse:   "take the address from that network interface, and reserve the range for the cloud: macaw up does",
	OutOfRange:     "make the subnet's allocation pool in Neutron the cloud's range: macaw up does",
	PoolEmpty:      "add allocations to provider.pool in the cloud file, or give floating IPs back",
	NoGateway:      "macaw up attaches the cloud's Internet gateway",
	ReleasesHeld:   "if Neutron has lost them, bring them back there, and nothing is released; if they are to go, macaw gateway release agrees",
	NoElasticIP:    "macaw up makes the cloud's Elastic IPs",
}

func finding(a netip.Addr, c Code, text string) Finding {
	return Finding{Addr: a, Code: c, Text: text, Hint: hints[c]}
}

func sortFindings(all []Finding) []Finding {
	slices.SortStableFunc(all, func(a, b Finding) int { return cmp.Or(a.Addr.Compare(b.Addr), cmp.Compare(a.Code, b.Code)) })
	return slices.Compact(all)
}

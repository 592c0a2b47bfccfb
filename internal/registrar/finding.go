// SPDX-License-Identifier: Apache-2.0

package registrar

import (
	"cmp"
	"net/netip"
	"slices"

	"macaw.example/internal/model"
)

// The codes of findings.
const (
	ElasticIPQuota model.Code = "elastic-ip-quota"       // the account's quota of Elastic IPs is reached
	ENIFull        model.Code = "network-interface-full" // every provider interface has as many addresses as its limit
	AddressInUse   model.Code = "address-in-use"         // an interface that is not the cloud's has the address
	OutOfRange     model.Code = "address-out-of-range"   // Neutron allocated an address that is not the cloud's
	PoolEmpty      model.Code = "pool-empty"             // no Elastic IP of the pool is free
	NoGateway      model.Code = "no-internet-gateway"    // the VPC has none
	NoElasticIP    model.Code = "no-elastic-ip"          // policy All, and the cloud was made without one
	ReleasesHeld   model.Code = "releases-held"          // many Elastic IPs would be released at once
	Refused        model.Code = "refused"                // by AWS, with the reason in the text
	Unavailable    model.Code = "aws-unavailable"        // AWS failed in each of several tries
)

// hints are what helps, for each code.
var hints = map[model.Code]string{
	ElasticIPQuota: "ask AWS for a higher quota of Elastic IPs (Service Quotas, L-0263D0A3), or delete floating IPs",
	ENIFull: "release addresses in Neutron, unassign addresses that are not the cloud's from the node's provider " +
		"ENIs, or give the node a larger type: stop it in AWS, change nodes.type in the cloud file, macaw up",
	AddressInUse: "unassign the address there (aws ec2 unassign-private-ip-addresses), or delete that network " +
		"interface if it is its primary address; macaw up sees to it that the range is reserved, so that AWS does " +
		"not assign it to anything else",
	OutOfRange: "give it back in Neutron, and take one without naming an address: an administrator may name any, " +
		"and only those of the subnet's allocation pool are the cloud's; provider.addresses in the cloud file and " +
		"macaw up make it larger",
	PoolEmpty: "add allocations to provider.pool in the cloud file and run macaw up, disassociate some that are in " +
		"use elsewhere (aws ec2 disassociate-address), or delete floating IPs",
	NoGateway: "macaw up attaches the cloud's Internet gateway",
	ReleasesHeld: "if Neutron has lost the addresses, allocate the same ones again, and nothing is lost; " +
		"if they are to go, agree with macaw agent release",
	NoElasticIP: "macaw up makes the cloud's Elastic IPs",
	Refused: "AWS's own words say why; if the gateway's role lacks a right, macaw up grants it again, " +
		"and aws sts decode-authorization-message decodes the message",
	Unavailable: "it is retried; if it persists, check that the node reaches AWS's endpoints, " +
		"and the AWS Health Dashboard",
}

func finding(a netip.Addr, c model.Code, text string) model.Finding {
	return model.Finding{Addr: a, Code: c, Text: text, Hint: hints[c]}
}

func sortFindings(all []model.Finding) []model.Finding {
	slices.SortStableFunc(all, func(a, b model.Finding) int {
		return cmp.Or(a.Addr.Compare(b.Addr), cmp.Compare(a.Code, b.Code))
	})
	return slices.Compact(all)
}

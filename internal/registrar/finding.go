package registrar

import (
	"cmp"
	"net/netip"
	"slices"

	"macaw.example/internal/model"
)

// The codes of findings.
const (
	ElasticIPQuota model.Code = "elastic-ip-quota"       // the account may hold no more Elastic IPs
	ENIFull        model.Code = "network-interface-full" // every provider interface has as many addresses as it takes
	AddressInUse   model.Code = "address-in-use"         // somebody who is not of this cloud has the address
	OutOfRange     model.Code = "address-out-of-range"   // Neutron gave out what is not the cloud's
	PoolEmpty      model.Code = "pool-empty"             // no Elastic IP of the pool is free
	NoGateway      model.Code = "no-internet-gateway"    // the VPC has none
	NoElasticIP    model.Code = "no-elastic-ip"          // policy All, and the cloud was made without one
	ReleasesHeld   model.Code = "releases-held"          // many addresses would be released at once
	Refused        model.Code = "refused"                // AWS says no; the text says why
	Unavailable    model.Code = "aws-unavailable"        // AWS did not do it in several tries
)

// hints say what helps, for each code.
var hints = map[model.Code]string{
	ElasticIPQuota: "ask AWS for a higher quota of Elastic IPs (Service Quotas, L-0263D0A3), or give floating IPs back",
	ENIFull: "give addresses back in Neutron, take private addresses off the node's provider ENIs that are not " +
		"the cloud's, or give the node a larger type: stop it in AWS, change nodes.type in the cloud file, macaw up",
	AddressInUse: "unassign the address there (aws ec2 unassign-private-ip-addresses), or delete that network " +
		"interface if it is its primary address; macaw up sees that the range is reserved, so that AWS gives it to nobody else",
	OutOfRange: "give it back in Neutron, and take one without naming an address: an administrator may name any, " +
		"and only those of the subnet's allocation pool are the cloud's; provider.addresses in the cloud file and macaw up make it larger",
	PoolEmpty: "add allocations to provider.pool in the cloud file and run macaw up, take those off that lead elsewhere " +
		"(aws ec2 disassociate-address), or give floating IPs back",
	NoGateway: "macaw up attaches the cloud's Internet gateway",
	ReleasesHeld: "if Neutron has lost them, bring them back there with the same addresses, and nothing is lost; " +
		"if they are to go, macaw agent release agrees to it",
	NoElasticIP: "macaw up makes the cloud's Elastic IPs",
	Refused: "AWS's own words say why; if the gateway's role lacks a right, macaw up grants it again, " +
		"and aws sts decode-authorization-message reads what is encoded",
	Unavailable: "it is tried again by itself; if it goes on, look whether the node reaches AWS's endpoints, " +
		"and at the AWS Health Dashboard",
}

func finding(a netip.Addr, c model.Code, text string) model.Finding {
	return model.Finding{Addr: a, Code: c, Text: text, Hint: hints[c]}
}

func sortFindings(all []model.Finding) []model.Finding {
	slices.SortStableFunc(all, func(a, b model.Finding) int { return cmp.Or(a.Addr.Compare(b.Addr), cmp.Compare(a.Code, b.Code)) })
	return slices.Compact(all)
}

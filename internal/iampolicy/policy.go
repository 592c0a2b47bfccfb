// SPDX-License-Identifier: Apache-2.0

// Package iampolicy has the IAM policies of a cloud's instances, as documents: what the roles of gateways and of a
// controller may do, and who may assume them. It makes no calls.
package iampolicy

import (
	"encoding/json"
	"slices"

	awspolicy "github.com/hashicorp/awspolicyequivalence"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/cloud"
	"macaw.example/internal/inventory"
	"macaw.example/internal/model"
)

// RolePath separates Macaw's roles from the account's others.
const RolePath = "/macaw/"

// Document is an IAM policy (IAM User Guide, reference_policies_grammar).
type Document struct {
	Version   string
	Statement []Statement
}

// Statement allows or denies actions.
type Statement struct {
	Sid       string `json:",omitempty"`
	Effect    string
	Principal map[string]string `json:",omitempty"`
	Action    []string
	Resource  []string `json:",omitempty"`
	// Condition has values by operator and key; all must match.
	Condition Conditions `json:",omitempty"`
}

// Conditions has values by operator and key; all must match.
type Conditions map[string]map[string][]string

// Text returns the document without white space, which AWS does not count.
func (d Document) Text() string {
	b, err := json.Marshal(d)
	if err != nil {
		panic(err) // cannot happen: every field has a JSON form
	}
	return string(b)
}

// Same compares two policies by meaning: IAM changes the form of documents, such as lists of
// one element and the order of elements. An unreadable one equals no other.
func Same(a, b string) bool {
	same, err := awspolicy.PoliciesAreEquivalent(a, b)
	return err == nil && same
}

// Trust lets EC2 instances, and nobody else, assume the role.
func Trust(region string) Document {
	service := "ec2." + awsapi.Domain(region)
	return Document{Version: "2012-10-17", Statement: []Statement{
		{Effect: "Allow", Principal: map[string]string{"Service": service}, Action: []string{"sts:AssumeRole"}},
	}}
}

// gateway reports whether a node is one.
func gateway(n cloud.Node) bool { return n.Has(model.Gateway) }

// management matches the parts of the operator's access to the nodes. The gateways' agents have no
// rights there: a compromised agent must not take the cloud's stable address away.
func management() []string {
	return []string{
		awsapi.InterfacePart("*", awsapi.ManagementNetwork), awsapi.NodeAddressPart("*"),
		awsapi.SubnetPart(awsapi.ManagementNetwork), awsapi.GroupPart(awsapi.ManagementNetwork),
	}
}

// Evacuation tells a controller whether the instance of a compute node has ended. It supports no resource or tag.
const Evacuation = "ec2:DescribeInstances"

// OfController returns the rights of a controller that evacuates compute nodes.
func OfController(region string) Document {
	return Document{Version: "2012-10-17", Statement: []Statement{{
		Sid: "See", Effect: "Allow", Action: []string{Evacuation}, Resource: []string{"*"},
		Condition: Conditions{"StringEquals": {"ec2:Region": {region}}},
	}}}
}

// None returns those of a controller that does not evacuate any more. A policy has at least one statement (IAM User
// Guide, reference_policies_elements_statement).
func None() Document {
	return Document{Version: "2012-10-17", Statement: []Statement{
		{Sid: "None", Effect: "Deny", Action: []string{"*"}, Resource: []string{"*"}},
	}}
}

// OfGateways returns the rights of the agents on a cloud's gateways: the calls that bring Neutron's
// addresses to AWS, on resources with the cloud's tag. The Service Authorization Reference,
// list_amazonec2, lists the resources and condition keys of each action.
func OfGateways(c *cloud.Cloud, region string) Document {
	arn := func(resources ...string) (out []string) {
		for _, r := range resources {
			out = append(out, "arn:"+awsapi.Partition(region)+":ec2:"+region+":*:"+r)
		}
		return out
	}
	// Existing resources and new ones have different condition keys.
	mine := Conditions{
		"StringEquals":  {"aws:ResourceTag/" + awsapi.TagCloud: {c.Name}},
		"StringNotLike": {"aws:ResourceTag/" + awsapi.TagPart: management()},
	}
	made := Conditions{
		"StringEquals":            {"aws:RequestTag/" + awsapi.TagCloud: {c.Name}},
		"StringNotLike":           {"aws:RequestTag/" + awsapi.TagPart: management()},
		"ForAllValues:StringLike": {"aws:TagKeys": {"Name", "macaw:*"}},
	}
	const interfaces, elasticIPs = "network-interface/*", "elastic-ip/*"
	lead := []string{"ec2:AssociateAddress", "ec2:DisassociateAddress"}

	d := Document{Version: "2012-10-17"}
	allow := func(sid string, actions, resources []string, when Conditions) {
		d.Statement = append(d.Statement, Statement{
			Sid: sid, Effect: "Allow", Action: actions, Resource: resources, Condition: when,
		})
	}
	// These support no resource or tag, only the region.
	see := []string{"ec2:DescribeNetworkInterfaces", "ec2:DescribeAddresses", "ec2:DescribeInstanceTypes"}
	if c.Evacuate && slices.ContainsFunc(c.With(model.Controller), gateway) { // an instance has one role
		see = append(see, Evacuation)
	}
	allow("See", see, []string{"*"}, Conditions{"StringEquals": {"ec2:Region": {region}}})
	register := []string{"ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"}
	if c.Provider.IPv6 {
		register = append(register, "ec2:AssignIpv6Addresses", "ec2:UnassignIpv6Addresses")
	}
	allow("Register", register, arn(interfaces), mine)

	// When an interface's addresses are used up, another one takes the next addresses.
	allow("MakeInterface", []string{"ec2:CreateNetworkInterface"}, arn(interfaces), made)
	in := mine
	if len(c.Nodes) > 1 { // with more subnets and groups than these and those of management
		in = Conditions{"StringEquals": {"aws:ResourceTag/" + awsapi.TagCloud: {c.Name},
			"aws:ResourceTag/" + awsapi.TagPart: {awsapi.SubnetPart(awsapi.ProviderNetwork),
				awsapi.GroupPart(awsapi.ProviderNetwork)}}}
	}
	allow("MakeInterfaceIn", []string{"ec2:CreateNetworkInterface"}, arn("subnet/*", "security-group/*"), in)
	attach := []string{"ec2:AttachNetworkInterface"}
	if len(c.Nodes) == 1 {
		allow("AttachInterface", attach, arn(interfaces, "instance/*"), mine)
	} else {
		allow("AttachInterface", attach, arn(interfaces), mine)
		// Gateways are known by their profile: a list of names could exceed the size of a policy.
		profile := "arn:" + awsapi.Partition(region) + ":iam::*:instance-profile" + RolePath +
			inventory.GatewayHolder.RoleName(c.Name, region)
		allow("AttachInterfaceTo", attach, arn("instance/*"), Conditions{
			"StringEquals": {"aws:ResourceTag/" + awsapi.TagCloud: {c.Name}},
			"ArnLike":      {"ec2:InstanceProfile": {profile}},
		})
	}
	tagged := []string{interfaces}
	creators := []string{"CreateNetworkInterface"}

	switch c.Provider.ElasticIPs {
	case model.ElasticIPsAll:
		allow("Lead", lead, arn(elasticIPs, interfaces), mine)
	case model.ElasticIPsOnDemand:
		allow("Lead", lead, arn(elasticIPs, interfaces), mine)
		allow("Allocate", []string{"ec2:AllocateAddress"}, arn(elasticIPs), made)
		allow("Release", []string{"ec2:ReleaseAddress"}, arn(elasticIPs), mine)
		tagged, creators = append(tagged, elasticIPs), append(creators, "AllocateAddress")
	}
	if len(c.Provider.Pool) > 0 {
		// The pool's addresses are the operator's: they have no tag of Macaw.
		var pool []string
		for _, id := range c.Provider.Pool {
			pool = append(pool, "elastic-ip/"+id)
		}
		allow("LeadFrom", lead, arn(pool...), nil)
		if c.Provider.ElasticIPs != model.ElasticIPsOnDemand {
			allow("LeadTo", lead, arn(interfaces), mine)
		}
	}
	// Tags can be set only by the call that makes a resource. Otherwise an agent could tag any
	// resource as the cloud's (EC2 User Guide, supported-iam-actions-tagging).
	allow("TagWhatIsMade", []string{"ec2:CreateTags"}, arn(tagged...),
		Conditions{"StringEquals": {"ec2:CreateAction": creators}})
	return d
}

// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"encoding/json"
	"slices"

	awspolicy "github.com/hashicorp/awspolicyequivalence"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/cloud"
	"macaw.example/internal/inventory"
	"macaw.example/internal/model"
)

// document is an IAM policy (IAM User Guide, reference_policies_grammar).
type document struct {
	Version   string
	Statement []statement
}

type statement struct {
	Sid       string `json:",omitempty"`
	Effect    string
	Principal map[string]string `json:",omitempty"`
	Action    []string
	Resource  []string `json:",omitempty"`
	// Condition has values by operator and key; all must match.
	Condition conditions `json:",omitempty"`
}

type conditions map[string]map[string][]string

// text returns the document without white space, which AWS does not count.
func (d document) text() string {
	b, err := json.Marshal(d)
	if err != nil {
		panic(err) // cannot happen: every field has a JSON form
	}
	return string(b)
}

// sameDocument compares two policies by meaning: IAM changes the form of documents, such as lists of
// one element and the order of elements. An unreadable one equals no other.
func sameDocument(a, b string) bool {
	same, err := awspolicy.PoliciesAreEquivalent(a, b)
	return err == nil && same
}

// trust lets EC2 instances, and nobody else, assume the role.
func trust(region string) document {
	service := "ec2." + awsapi.Domain(region)
	return document{Version: "2012-10-17", Statement: []statement{
		{Effect: "Allow", Principal: map[string]string{"Service": service}, Action: []string{"sts:AssumeRole"}},
	}}
}

// management matches the parts of the operator's access to the nodes. The gateways' agents have no
// rights there: a compromised agent must not take the cloud's stable address away.
func management() []string {
	return []string{
		awsapi.InterfacePart("*", partManagement), partNodeAddress("*"),
		partSubnet(partManagement), partGroup(partManagement),
	}
}

// evacuationRight tells a controller whether the instance of a compute node has ended. It supports no resource or tag.
const evacuationRight = "ec2:DescribeInstances"

// controllerRights are the rights of a controller that evacuates compute nodes.
func controllerRights(region string) document {
	return document{Version: "2012-10-17", Statement: []statement{{
		Sid: "See", Effect: "Allow", Action: []string{evacuationRight}, Resource: []string{"*"},
		Condition: conditions{"StringEquals": {"ec2:Region": {region}}},
	}}}
}

// noRights are those of a controller that does not evacuate any more. A policy has at least one statement (IAM User
// Guide, reference_policies_elements_statement).
func noRights() document {
	return document{Version: "2012-10-17", Statement: []statement{
		{Sid: "None", Effect: "Deny", Action: []string{"*"}, Resource: []string{"*"}},
	}}
}

// gatewayRights are the rights of the agents on a cloud's gateways: the calls that bring Neutron's
// addresses to AWS, on resources with the cloud's tag. The Service Authorization Reference,
// list_amazonec2, lists the resources and condition keys of each action.
func gatewayRights(c *cloud.Cloud, region string) document {
	arn := func(resources ...string) (out []string) {
		for _, r := range resources {
			out = append(out, "arn:"+awsapi.Partition(region)+":ec2:"+region+":*:"+r)
		}
		return out
	}
	// Existing resources and new ones have different condition keys.
	mine := conditions{
		"StringEquals":  {"aws:ResourceTag/" + awsapi.TagCloud: {c.Name}},
		"StringNotLike": {"aws:ResourceTag/" + awsapi.TagPart: management()},
	}
	made := conditions{
		"StringEquals":            {"aws:RequestTag/" + awsapi.TagCloud: {c.Name}},
		"StringNotLike":           {"aws:RequestTag/" + awsapi.TagPart: management()},
		"ForAllValues:StringLike": {"aws:TagKeys": {"Name", "macaw:*"}},
	}
	const interfaces, elasticIPs = "network-interface/*", "elastic-ip/*"
	lead := []string{"ec2:AssociateAddress", "ec2:DisassociateAddress"}

	d := document{Version: "2012-10-17"}
	allow := func(sid string, actions, resources []string, when conditions) {
		d.Statement = append(d.Statement, statement{
			Sid: sid, Effect: "Allow", Action: actions, Resource: resources, Condition: when,
		})
	}
	// These support no resource or tag, only the region.
	see := []string{"ec2:DescribeNetworkInterfaces", "ec2:DescribeAddresses", "ec2:DescribeInstanceTypes"}
	if c.Evacuate && slices.ContainsFunc(c.With(model.Controller), isGateway) { // an instance has one role
		see = append(see, evacuationRight)
	}
	allow("See", see, []string{"*"}, conditions{"StringEquals": {"ec2:Region": {region}}})
	register := []string{"ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"}
	if c.Provider.IPv6 {
		register = append(register, "ec2:AssignIpv6Addresses", "ec2:UnassignIpv6Addresses")
	}
	allow("Register", register, arn(interfaces), mine)

	// When an interface's addresses are used up, another one takes the next addresses.
	allow("MakeInterface", []string{"ec2:CreateNetworkInterface"}, arn(interfaces), made)
	in := mine
	if len(c.Nodes) > 1 { // with more subnets and groups than these and those of management
		in = conditions{"StringEquals": {"aws:ResourceTag/" + awsapi.TagCloud: {c.Name},
			"aws:ResourceTag/" + awsapi.TagPart: {partSubnet(partProvider), partGroup(partProvider)}}}
	}
	allow("MakeInterfaceIn", []string{"ec2:CreateNetworkInterface"}, arn("subnet/*", "security-group/*"), in)
	attach := []string{"ec2:AttachNetworkInterface"}
	if len(c.Nodes) == 1 {
		allow("AttachInterface", attach, arn(interfaces, "instance/*"), mine)
	} else {
		allow("AttachInterface", attach, arn(interfaces), mine)
		// Gateways are known by their profile: a list of names could exceed the size of a policy.
		profile := "arn:" + awsapi.Partition(region) + ":iam::*:instance-profile" + rolePath +
			inventory.GatewayHolder.RoleName(c.Name, region)
		allow("AttachInterfaceTo", attach, arn("instance/*"), conditions{
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
		conditions{"StringEquals": {"ec2:CreateAction": creators}})
	return d
}

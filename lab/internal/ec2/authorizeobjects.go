// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"maps"
	"net/url"
	"slices"
	"strconv"

	awsapi "macaw.example/internal/aws"
	"macaw.example/lab/internal/ec2query"
	"macaw.example/lab/internal/iam/policy"
)

// object is a resource that a call acts on, as policies see it.
type object struct {
	arn     string
	context policy.Context
}

// resourceARN returns a resource's ARN; those of images have no account (Service
// Authorization Reference, list_amazonec2, "Resource types").
func (c *Config) resourceARN(resourceType, id string) string {
	if resourceType == "image" || resourceType == "snapshot" {
		return "arn:" + awsapi.Partition(c.Region) + ":ec2:" + c.Region + "::" + resourceType + "/" + id
	}
	return c.arn(resourceType, id)
}

// fresh describes a resource that a call will create.
func (t *tx) fresh(resourceType string, form url.Values) object {
	o := object{t.cfg.resourceARN(resourceType, "*"), policy.Context{}}
	tags := map[string]string{}
	for _, spec := range ec2query.TagSpecifications(form) {
		if spec.ResourceType == resourceType {
			maps.Copy(tags, spec.Tags)
		}
	}
	o.requestTags(tags)
	return o
}

func (o object) requestTags(tags map[string]string) {
	for key, value := range tags {
		o.context.Set("aws:RequestTag/"+key, value)
	}
	o.context.Set("aws:TagKeys", slices.Sorted(maps.Keys(tags))...)
}

// existing describes a resource that a call names. A missing one has no tags.
func (t *tx) existing(resourceType, id string) object {
	o := object{t.cfg.resourceARN(resourceType, id), policy.Context{}}
	tagged := t.taggedResources()[id]
	if k := t.KeyPairs[id]; resourceType == kindKeyPair.tagType && k != nil {
		tagged = taggedResource{kindKeyPair, &k.tagHolder}
	}
	if tagged.tagHolder != nil {
		for key, value := range tagged.Tags {
			o.context.Set("aws:ResourceTag/"+key, value)
			o.context.Set("ec2:ResourceTag/"+key, value)
		}
	}
	t.describe(o.context, resourceType, id)
	return o
}

// describe adds the condition keys of a kind of resource.
func (t *tx) describe(c policy.Context, resourceType, id string) {
	switch resourceType {
	case kindVPC.tagType:
		c.Set("ec2:VpcID", id)
	case kindSubnet.tagType:
		c.Set("ec2:SubnetID", id)
		if s := t.Subnets[id]; s != nil {
			t.place(c, s.VPC, "", s.Zone)
		}
	case kindENI.tagType:
		c.Set("ec2:NetworkInterfaceID", id)
		if e := t.ENIs[id]; e != nil {
			t.place(c, e.VPC, e.Subnet, t.zoneOf(e))
		}
	case kindGroup.tagType:
		c.Set("ec2:SecurityGroupID", id)
		if g := t.Groups[id]; g != nil {
			t.place(c, g.VPC, "", "")
		}
	case kindRouteTable.tagType:
		c.Set("ec2:RouteTableID", id)
		if r := t.RouteTables[id]; r != nil {
			t.place(c, r.VPC, "", "")
		}
	case kindGateway.tagType:
		c.Set("ec2:InternetGatewayID", id)
	case kindKeyPair.tagType:
		c.Set("ec2:KeyPairName", id)
	case kindImage.tagType:
		c.Set("ec2:ImageID", id)
		for _, i := range t.imagesShown() {
			if i.ID == id {
				c.Set("ec2:Owner", i.Owner)
			}
		}
	case kindAddress.tagType:
		c.Set("ec2:AllocationId", id)
		c.Set("ec2:Domain", "vpc")
		if a := t.Addresses[id]; a != nil {
			c.Set("ec2:PublicIpAddress", a.Public.String())
		}
	case kindInstance.tagType:
		c.Set("ec2:InstanceID", id)
		if i := t.Instances[id]; i != nil {
			c.Set("ec2:InstanceType", i.Type)
			if i.Profile.ARN != "" {
				c.Set("ec2:InstanceProfile", i.Profile.ARN)
			}
			c.Set("ec2:MetadataHttpTokens", i.Metadata.Tokens)
			c.Set("ec2:MetadataHttpEndpoint", i.Metadata.Endpoint)
			c.Set("ec2:MetadataHttpPutResponseHopLimit", strconv.Itoa(i.Metadata.HopLimit))
			t.place(c, "", "", i.Zone)
		}
	}
}

// place adds the location of a resource; VPC and subnet are ARNs.
func (t *tx) place(c policy.Context, vpcID, subnet, zone string) {
	for key, value := range map[string]string{
		"ec2:Vpc": t.cfg.placeARN("vpc", vpcID), "ec2:Subnet": t.cfg.placeARN("subnet", subnet), "ec2:AvailabilityZone": zone,
	} {
		if value != "" {
			c.Set(key, value)
		}
	}
}

func (c *Config) placeARN(resourceType, id string) string {
	if id == "" {
		return ""
	}
	return c.resourceARN(resourceType, id)
}

// objectsOf returns the resources that a call acts on; none if its action has none.
func (t *tx) objectsOf(c *Call) []object {
	if special := specialRights[c.Action]; special != nil {
		return special(t, c.Form)
	}
	var all []object
	for _, r := range rights[c.Action] {
		if r.fresh {
			all = append(all, t.fresh(r.resourceType, c.Form))
			continue
		}
		for _, name := range r.parameters {
			for _, value := range ec2query.Values(c.Form, name) {
				if r.by != nil {
					value = r.by(t, value)
				}
				if value != "" {
					all = append(all, t.existing(r.resourceType, value))
				}
			}
		}
	}
	return all
}

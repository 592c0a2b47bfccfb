// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"slices"
	"strings"

	"macaw.example/lab/internal/ec2query"
)

// tags are a resource's, by key.
type tags map[string]string

// maxTags is the number of tags a resource may have (EC2 User Guide, Using_Tags).
const maxTags = 50

type tagXML struct {
	Key   string `xml:"key" filter:"tag-key"`
	Value string `xml:"value"`
}

// Tag makes filters match the value by the key.
func (t tagXML) Tag() (key, value string) { return t.Key, t.Value }

func (t tags) xml() set[tagXML] {
	return ec2query.SetOf(sortedKeys(t), func(k string) tagXML { return tagXML{k, t[k]} })
}

type tagInput struct {
	Key   string
	Value *string
}

type tagSpecification struct {
	ResourceType string
	Tag          []tagInput
}

// tagged is embedded in the requests that tag what they create.
type tagged struct {
	TagSpecification []tagSpecification
}

// tagsFor returns the request's tags for a kind of resource. It ignores tags for the
// kinds in others and refuses tags for the rest.
func (in tagged) tagsFor(k kind, others ...kind) (tags, error) {
	t := tags{}
	for _, spec := range in.TagSpecification {
		other := func(k kind) bool { return k.tagType == spec.ResourceType }
		switch {
		case spec.ResourceType == k.tagType:
			if err := t.add(spec.Tag); err != nil {
				return nil, err
			}
		case !slices.ContainsFunc(others, other):
			return nil, invalidParameter("'%s' is not a valid taggable resource type for this operation.", spec.ResourceType)
		}
	}
	return t, nil
}

// add sets tags (EC2 User Guide, Using_Tags, "Tag restrictions"). Users' logs have the texts for a key that is
// empty or there twice; that CreateTags refuses the latter too is inferred from the calls that create.
func (t tags) add(in []tagInput) error {
	seen := map[string]bool{}
	for _, tag := range in {
		switch {
		case tag.Key == "":
			return invalidParameter("Value ( '' ) for parameter Tag key is invalid. Tag key cannot be null or empty.")
		case seen[tag.Key]:
			return invalidParameter("Duplicate tag key '%s' specified.", tag.Key)
		case strings.HasPrefix(strings.ToLower(tag.Key), "aws:"):
			return invalidParameter("Tag keys starting with 'aws:' are reserved for internal use")
		case len([]rune(tag.Key)) > 128:
			return invalidParameter("Tag key exceeds the maximum length of 128 characters")
		}
		value := ""
		if tag.Value != nil {
			value = *tag.Value
		}
		if len([]rune(value)) > 256 {
			return invalidParameter("Tag value exceeds the maximum length of 256 characters")
		}
		t[tag.Key], seen[tag.Key] = value, true
	}
	if len(t) > maxTags {
		return fail("TagLimitExceeded", "The maximum number of Tags for a resource has been reached.")
	}
	return nil
}

// tagHolder is embedded in the records of all taggable resources.
type tagHolder struct {
	Tags tags `json:",omitempty"`
}

func (h *tagHolder) held() *tagHolder { return h }

type taggedResource struct {
	kind kind
	*tagHolder
}

// taggedResources returns all of them, by ID.
func (t *tx) taggedResources() map[string]taggedResource {
	all := map[string]taggedResource{}
	collectTags(all, kindVPC, t.VPCs)
	collectTags(all, kindSubnet, t.Subnets)
	collectTags(all, kindReservation, t.Reservations)
	collectTags(all, kindGateway, t.Gateways)
	collectTags(all, kindNATGateway, t.NATGateways)
	collectTags(all, kindRouteTable, t.RouteTables)
	collectTags(all, kindGroup, t.Groups)
	collectTags(all, kindRule, t.Rules)
	collectTags(all, kindENI, t.ENIs)
	collectTags(all, kindAddress, t.Addresses)
	collectTags(all, kindInstance, t.Instances)
	collectTags(all, kindVolume, t.Volumes)
	collectTags(all, kindImage, t.Images)
	for _, r := range t.KeyPairs {
		all[r.ID] = taggedResource{kindKeyPair, &r.tagHolder}
	}
	return all
}

func collectTags[R any, P interface {
	*R
	held() *tagHolder
}](into map[string]taggedResource, k kind, records map[string]*R) {
	for id, r := range records {
		into[id] = taggedResource{k, P(r).held()}
	}
}

// taggable finds the resources of CreateTags and DeleteTags.
func (t *tx) taggable(id string) (*tagHolder, error) {
	if r, ok := t.taggedResources()[id]; ok {
		return r.tagHolder, nil
	}
	for _, k := range []kind{kindVPC, kindSubnet, kindReservation, kindGateway, kindNATGateway, kindRouteTable, kindGroup,
		kindRule, kindENI, kindAddress, kindInstance, kindVolume, kindImage, kindKeyPair} {
		if k.check(id) == nil {
			return nil, k.missing(id)
		}
	}
	return nil, fail("InvalidID", "The ID '%s' is not valid", id)
}

type createTagsInput struct {
	dryRun
	ResourceId []string   `form:",required"`
	Tag        []tagInput `form:",required"`
}

func createTags(t *tx, in createTagsInput) (*done, error) {
	for _, id := range in.ResourceId {
		resource, err := t.taggable(id)
		if err != nil {
			return nil, err
		}
		if resource.Tags == nil {
			resource.Tags = tags{}
		}
		if err := resource.Tags.add(in.Tag); err != nil {
			return nil, err
		}
	}
	return ok()
}

type deleteTagsInput struct {
	dryRun
	ResourceId []string `form:",required"`
	Tag        []tagInput
}

// deleteTags deletes a tag regardless of its value, unless a value is given, which must
// then match; without tags it deletes all (EC2 API Reference, DeleteTags).
func deleteTags(t *tx, in deleteTagsInput) (*done, error) {
	for _, id := range in.ResourceId {
		resource, err := t.taggable(id)
		if err != nil {
			return nil, err
		}
		if len(in.Tag) == 0 {
			resource.Tags = nil
		}
		for _, tag := range in.Tag {
			if v, ok := resource.Tags[tag.Key]; ok && (tag.Value == nil || *tag.Value == v) {
				delete(resource.Tags, tag.Key)
			}
		}
	}
	return ok()
}

type tagDescriptionXML struct {
	Key          string `xml:"key" filter:"key"`
	ResourceID   string `xml:"resourceId" filter:"resource-id"`
	ResourceType string `xml:"resourceType" filter:"resource-type"`
	Value        string `xml:"value" filter:"value"`
}

type describeTagsOutput struct {
	response
	Tags      set[tagDescriptionXML] `xml:"tagSet"`
	NextToken string                 `xml:"nextToken,omitempty"`
}

func describeTags(t *tx, in query) (*describeTagsOutput, error) {
	var all []item[tagDescriptionXML]
	for id, resource := range t.taggedResources() {
		for key, value := range resource.Tags {
			all = append(all, item[tagDescriptionXML]{id + " " + key, tagDescriptionXML{key, id, resource.kind.tagType, value}})
		}
	}
	slices.SortFunc(all, func(a, b item[tagDescriptionXML]) int { return strings.Compare(a.id, b.id) })
	page, next, err := choose(kind{name: "tag", prefix: "tag"}, all, nil, in)
	if err != nil {
		return nil, err
	}
	return &describeTagsOutput{Tags: page, NextToken: next}, nil
}

// SPDX-License-Identifier: Apache-2.0

package ec2query

import (
	"maps"
	"net/url"
	"slices"
	"strings"
)

// What policies and faults read of a request before it is decoded.

// RequestTags are the tags that a request sets on a kind of resource.
type RequestTags struct {
	ResourceType string
	Tags         map[string]string
}

// TagSpecifications reads TagSpecification.N and merges those of the same type.
func TagSpecifications(form url.Values) []RequestTags {
	var all []RequestTags
	for _, at := range Indexed(form, "TagSpecification.") {
		kind, tags := form.Get(at+".ResourceType"), TagsAt(form, at+".Tag.")
		if kind != "" && len(tags) > 0 {
			all = append(all, RequestTags{kind, tags})
		}
	}
	return all
}

// TagsAt reads a list of tags. prefix ends with a dot.
func TagsAt(form url.Values, prefix string) map[string]string {
	tags := map[string]string{}
	for _, at := range Indexed(form, prefix) {
		if key := form.Get(at + ".Key"); key != "" {
			tags[key] = form.Get(at + ".Value")
		}
	}
	return tags
}

// Indexed finds the entries of a list in a form. prefix ends with a dot; each result is
// the prefix and an index.
func Indexed(form url.Values, prefix string) []string {
	found := map[string]bool{}
	for name := range form {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			index, _, _ := strings.Cut(rest, ".")
			if index != "" && strings.Trim(index, "0123456789") == "" {
				found[prefix+index] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// Values returns the values of a parameter, or of all entries of a list, in any
// order. A part N of the name stands for an index.
func Values(form url.Values, name string) []string {
	if before, after, ok := strings.Cut(name, ".N."); ok {
		var all []string
		for _, at := range Indexed(form, before+".") {
			all = append(all, Values(form, at+"."+after)...)
		}
		return all
	}
	var all []string
	if v := form.Get(name); v != "" {
		all = append(all, v)
	}
	for _, at := range Indexed(form, name+".") {
		if v := form.Get(at); v != "" {
			all = append(all, v)
		}
	}
	return all
}

// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"encoding/base64"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"macaw.example/lab/internal/iam/policy"
)

// params reads the parameters of a request. It keeps the first error, which done
// returns; so an action reads all its parameters, calls done, and then acts.
type params struct {
	form    url.Values
	context policy.Context
	taken   map[string]bool
	err     error
}

func (p *params) wrong(err error) {
	if p.err == nil {
		p.err = err
	}
}

// done returns the first error in the parameters. It refuses unread parameters: the lab
// must not ignore what a caller relies on.
func (p *params) done() error {
	if p.err != nil {
		return p.err
	}
	for _, name := range slices.Sorted(maps.Keys(p.form)) {
		if !p.taken[name] && name != "Action" && name != "Version" && !strings.HasPrefix(name, "X-Amz-") {
			return invalid("The lab does not know the parameter %s of %s", name, p.form.Get("Action"))
		}
	}
	return nil
}

func (p *params) text(name string) string {
	p.taken[name] = true
	return p.form.Get(name)
}

// need reads a required parameter.
func (p *params) need(name string) string {
	v := p.text(name)
	if v == "" {
		p.wrong(invalid("1 validation error detected: Value at '%s' failed to satisfy constraint: Member must not be null",
			lowerFirst(name)))
	}
	return v
}

// asked looks up the entity that a parameter names, after all parameters have been
// checked.
func asked[T any](p *params, name string, find func(string) (T, error)) (T, error) {
	v := p.need(name)
	if err := p.done(); err != nil {
		var none T
		return none, err
	}
	return find(v)
}

func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }

var (
	validName = regexp.MustCompile(`^[\w+=,.@-]+$`)
	validPath = regexp.MustCompile(`^(/|/[!-~]{1,510}/)$`)
)

// name reads the name of an entity (IAM User Guide, reference_iam-quotas).
func (p *params) name(name string, most int) string {
	v := p.need(name)
	switch {
	case v == "":
	case !validName.MatchString(v):
		p.wrong(invalid("The specified value for %s is invalid. It must contain only alphanumeric characters and/or the "+
			"following: +=,.@_-", lowerFirst(name)))
	case len(v) > most:
		p.wrong(invalid("1 validation error detected: Value at '%s' failed to satisfy constraint: Member must have length "+
			"less than or equal to %d", lowerFirst(name), most))
	}
	return v
}

func (p *params) path() string {
	v := p.text("Path")
	if v == "" {
		return "/"
	}
	if !validPath.MatchString(v) {
		p.wrong(invalid("The specified value for path is invalid. It must begin and end with / and contain only " +
			"alphanumeric characters and/or / characters."))
	}
	return v
}

func (p *params) number(name string, otherwise, least, most int) int {
	v := p.text(name)
	if v == "" {
		return otherwise
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < least || n > most {
		p.wrong(invalid("1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: Member must have "+
			"value between %d and %d", v, lowerFirst(name), least, most))
	}
	return n
}

func (p *params) flag(name string) bool { return p.text(name) == "true" }

// list reads Name.member.1, Name.member.2, ...
func (p *params) list(name string) []string {
	var all []string
	for i := 1; p.form.Has(name + ".member." + strconv.Itoa(i)); i++ {
		all = append(all, p.text(name+".member."+strconv.Itoa(i)))
	}
	return all
}

// maxTags is the maximum of tags of an entity (IAM User Guide, reference_iam-quotas).
const maxTags = 50

// tags reads and validates the tags of a request.
func (p *params) tags() map[string]string {
	tags := map[string]string{}
	for i := 1; ; i++ {
		at := "Tags.member." + strconv.Itoa(i)
		if !p.form.Has(at + ".Key") {
			break
		}
		key, value := p.text(at+".Key"), p.text(at+".Value")
		if _, twice := tags[key]; twice {
			p.wrong(fail(400, "InvalidInput", "Duplicate tag keys found. Please note that Tag keys are case insensitive."))
		}
		if key == "" || len([]rune(key)) > 128 || len([]rune(value)) > 256 ||
			strings.HasPrefix(strings.ToLower(key), "aws:") {
			p.wrong(invalid("The tag '%s' is not valid", key))
		}
		tags[key] = value
	}
	if len(tags) > maxTags {
		p.wrong(quota("TagsPerEntity", maxTags))
	}
	return tags
}

// peekTags returns the tags of a request, for authorization.
func (p *params) peekTags() map[string]string {
	tags := map[string]string{}
	for i := 1; p.form.Has("Tags.member." + strconv.Itoa(i) + ".Key"); i++ {
		at := "Tags.member." + strconv.Itoa(i)
		tags[p.form.Get(at+".Key")] = p.form.Get(at + ".Value")
	}
	return tags
}

// document reads a policy, and refuses one that is malformed or too long. White space
// does not count (IAM User Guide, reference_iam-quotas).
func (p *params) document(name string, kind policy.Kind, most int, quotaName string) string {
	text := p.need(name)
	if p.err != nil {
		return text
	}
	if _, err := policy.Parse(text, kind); err != nil {
		p.wrong(badDocument(err))
	} else if quotaName != "" && size(text) > most {
		p.wrong(quota(quotaName, most))
	}
	return text
}

// size counts the characters of a policy without white space.
func size(text string) int {
	n := 0
	for _, r := range text {
		if !unicode.IsSpace(r) {
			n++
		}
	}
	return n
}

// page reads the marker and the page size of a list request.
type page struct {
	after string
	most  int
}

func (p *params) page() page {
	pg := page{most: p.number("MaxItems", 100, 1, 1000)}
	if marker := p.text("Marker"); marker != "" {
		after, err := base64.URLEncoding.DecodeString(marker)
		if err != nil {
			p.wrong(invalid("Invalid Marker."))
		}
		pg.after = string(after)
	}
	return pg
}

// truncated is in the response to every list request.
type truncated struct {
	IsTruncated bool
	Marker      string `xml:",omitempty"`
}

// cut takes a page of the sorted keys, starting after the marker, so records created or
// deleted in between cause neither repetitions nor gaps.
func (pg page) cut(keys []string) ([]string, truncated) {
	slices.Sort(keys)
	for len(keys) > 0 && pg.after != "" && keys[0] <= pg.after {
		keys = keys[1:]
	}
	if len(keys) <= pg.most {
		return keys, truncated{}
	}
	keys = keys[:pg.most]
	return keys, truncated{true, base64.URLEncoding.EncodeToString([]byte(keys[len(keys)-1]))}
}

// under returns the keys of the records under the requested path prefix.
func under[R any](all map[string]R, prefix string, path func(R) string) []string {
	keys := []string{}
	for key, r := range all {
		if strings.HasPrefix(path(r), prefix) {
			keys = append(keys, key)
		}
	}
	return keys
}

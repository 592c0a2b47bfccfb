// SPDX-License-Identifier: Apache-2.0

package ec2query

import (
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Filter is one of a Describe call's filters.
type Filter struct {
	Name  string
	Value []string
}

// Filterable holds the values of an item that filters match, by filter name. Each
// field of a response's XML type lists its filter names in a tag, separated by commas:
//
//	Zone string `xml:"availabilityZone" filter:"availability-zone,availabilityZone"`
//
// The name on a struct, or a set of structs, is a prefix of the names in it: with
// "attachment", vpc-id becomes attachment.vpc-id. A name that begins with ../ drops
// the innermost prefix. A name that begins with / is used without a prefix, and only
// in a top-level struct.
type Filterable map[string][]string

// FilterableOf returns the values of items of a type; without items, its filter names.
func FilterableOf[X any](all ...X) Filterable {
	f := Filterable{}
	var values []reflect.Value
	for _, x := range all {
		values = append(values, reflect.ValueOf(x))
	}
	f.collect(reflect.TypeFor[X](), values, "")
	return f
}

// collect adds the values of structs of a type. It adds the names even if there are no
// structs.
func (f Filterable) collect(t reflect.Type, structs []reflect.Value, prefix string) {
	for i := range t.NumField() {
		names, ok := t.Field(i).Tag.Lookup("filter")
		if !ok {
			continue
		}
		var values []reflect.Value
		for _, s := range structs {
			values = append(values, s.Field(i))
		}
		inner, values := spread(t.Field(i).Type, values)
		omitEmpty := strings.HasSuffix(t.Field(i).Tag.Get("xml"), ",omitempty")
		for name := range strings.SplitSeq(names, ",") {
			path, ok := filterName(prefix, name)
			switch {
			case !ok:
			case inner.Kind() == reflect.Struct:
				f.collect(inner, values, path)
			default:
				f[path] = append(f[path], filterTexts(values, omitEmpty)...)
			}
		}
	}
	if prefix != "" || !t.Implements(reflect.TypeFor[Tag]()) {
		return
	}
	for _, s := range structs {
		key, value := s.Interface().(Tag).Tag()
		f["tag:"+key] = []string{value}
	}
}

// filterName joins a name from a tag to its prefix.
func filterName(prefix, name string) (path string, ok bool) {
	if top, ok := strings.CutPrefix(name, "/"); ok {
		return top, prefix == ""
	}
	if rest, ok := strings.CutPrefix(name, "../"); ok {
		prefix, name = prefix[:max(0, strings.LastIndex(prefix, "."))], rest
	}
	return strings.Trim(prefix+"."+name, "."), true
}

// spread follows pointers and flattens sets.
func spread(t reflect.Type, values []reflect.Value) (reflect.Type, []reflect.Value) {
	var inner []reflect.Value
	switch {
	case t.Kind() == reflect.Pointer:
		for _, v := range values {
			if !v.IsNil() {
				inner = append(inner, v.Elem())
			}
		}
		return spread(t.Elem(), inner)
	case t.Kind() == reflect.Struct && t.NumField() == 1 && t.Field(0).Name == "Items":
		for _, v := range values {
			for i := range v.Field(0).Len() {
				inner = append(inner, v.Field(0).Index(i))
			}
		}
		return spread(t.Field(0).Type.Elem(), inner)
	}
	return t, values
}

// filterTexts formats values as filters compare them.
func filterTexts(values []reflect.Value, omitEmpty bool) []string {
	var all []string
	for _, v := range values {
		switch {
		case omitEmpty && v.IsZero():
		case v.Kind() == reflect.Bool:
			all = append(all, strconv.FormatBool(v.Bool()))
		case v.Kind() == reflect.Int:
			all = append(all, strconv.FormatInt(v.Int(), 10))
		default:
			all = append(all, v.String())
		}
	}
	return all
}

// Tag is a tag in an answer: the filter tag:KEY matches its value.
type Tag interface{ Tag() (key, value string) }

// Matcher is a compiled filter.
type Matcher struct {
	name     string
	patterns []*regexp.Regexp
}

// CompileFilters compiles filters for a type with the given names.
func CompileFilters(names Filterable, filters []Filter) ([]Matcher, error) {
	var all []Matcher
	for _, f := range filters {
		if len(f.Value) == 0 {
			return nil, InvalidParameter("The filter '%s' must have at least one value", f.Name)
		}
		known := f.Name
		if strings.HasPrefix(known, "tag:") {
			known = "tag-key"
		}
		if _, ok := names[known]; !ok {
			return nil, InvalidParameter("The filter '%s' is invalid", f.Name)
		}
		m := Matcher{name: f.Name}
		for _, v := range f.Value {
			m.patterns = append(m.patterns, wildcard(v))
		}
		all = append(all, m)
	}
	return all, nil
}

// Passes reports whether an item passes the filters: filters are joined with AND, the
// values of one filter with OR (EC2 User Guide, Using_Filtering).
func (f Filterable) Passes(all []Matcher) bool {
	for _, m := range all {
		if !slices.ContainsFunc(f[m.name], func(v string) bool {
			return slices.ContainsFunc(m.patterns, func(p *regexp.Regexp) bool { return p.MatchString(v) })
		}) {
			return false
		}
	}
	return true
}

// wildcard compiles a filter's value: * matches any text, ? any character; a backslash
// escapes the next character.
func wildcard(pattern string) *regexp.Regexp {
	var b strings.Builder
	escaped := false
	for _, c := range pattern {
		switch {
		case escaped:
			b.WriteString(regexp.QuoteMeta(string(c)))
			escaped = false
		case c == '\\':
			escaped = true
		case c == '*':
			b.WriteString(".*")
		case c == '?':
			b.WriteString(".")
		default:
			b.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	return regexp.MustCompile(`(?s)\A` + b.String() + `\z`)
}

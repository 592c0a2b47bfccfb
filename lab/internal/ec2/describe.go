package ec2

import (
	"encoding/xml"
	"reflect"
	"strconv"
	"strings"
)

// described is the answer of a Describe call that describe makes.
type described[X any] struct {
	response
	Set struct {
		XMLName xml.Name
		Items   []X `xml:"item"`
	}
	NextToken string `xml:"nextToken,omitempty"`
}

// describe makes a Describe call that has no parameters of its own: it shows the
// records whose IDs are in a parameter, or all, in an element of the answer.
func describe[R, X any](ids, element string, show func(*tx, *R) X) Handler {
	type input struct {
		query
		IDs []string
	}
	return readAs(map[string]string{"IDs": ids}, func(t *tx, in input) (*described[X], error) {
		return list(t, element, show, in.IDs, in.query)
	})
}

// list answers a Describe call about the records of a resource.
func list[R, X any](t *tx, element string, show func(*tx, *R) X, ids []string, q query) (*described[X], error) {
	r := resourceOf[R]()
	var all []*shown[X]
	for _, id := range sortedKeys(r.records(t.model)) {
		all = append(all, &shown[X]{id: id, X: show(t, r.records(t.model)[id])})
	}
	page, next, err := choose(selection[shown[X]]{
		kind:   r.kind,
		id:     func(s *shown[X]) string { return s.id },
		values: (*shown[X]).filterValues,
	}, all, ids, q)
	if err != nil {
		return nil, err
	}
	out := &described[X]{NextToken: next}
	out.Set.XMLName.Local = element
	for _, s := range page {
		out.Set.Items = append(out.Set.Items, s.X)
	}
	return out, nil
}

// shown is a record as a Describe call shows it, which is what filters see.
type shown[X any] struct {
	id     string
	X      X
	values filterable
}

func (s *shown[X]) filterValues(name string) ([]string, bool) {
	if s.values == nil {
		s.values = filterable{}
		s.values.collect(reflect.TypeFor[X](), []reflect.Value{reflect.ValueOf(s.X)}, "")
	}
	values, ok := s.values[name]
	if strings.HasPrefix(name, "tag:") {
		_, ok = s.values["tag-key"]
	}
	return values, ok
}

// filterable are the values that something has for filters, by their names. A
// field of an answer's XML type has the names in its tag, separated by commas:
//
//	Zone string `xml:"availabilityZone" filter:"availability-zone,availabilityZone"`
//
// That of a struct, or a set of them, is a prefix to the names in it: with
// "attachment", vpc-id becomes attachment.vpc-id. A leading ../ leaves out the
// last part of the prefix.
type filterable map[string][]string

// collect adds the values of structs of a type. Without structs it adds names.
func (f filterable) collect(t reflect.Type, structs []reflect.Value, prefix string) {
	for i := range t.NumField() {
		tag, ok := t.Field(i).Tag.Lookup("filter")
		if !ok {
			continue
		}
		var values []reflect.Value
		for _, s := range structs {
			values = append(values, s.Field(i))
		}
		ft, values := spread(t.Field(i).Type, values)
		for name := range strings.SplitSeq(tag, ",") {
			path := filterName(prefix, name)
			if ft.Kind() == reflect.Struct {
				f.collect(ft, values, path)
				continue
			}
			omit := strings.HasSuffix(t.Field(i).Tag.Get("xml"), ",omitempty")
			f[path] = append(f[path], filterTexts(values, omit)...)
		}
	}
	for _, s := range structs {
		if tag, ok := s.Interface().(tagXML); ok {
			f[filterName(prefix, "tag:"+tag.Key)] = []string{tag.Value}
		}
	}
}

func filterName(prefix, name string) string {
	if up, ok := strings.CutPrefix(name, "../"); ok {
		prefix, name = prefix[:max(0, strings.LastIndex(prefix, "."))], up
	}
	return strings.Trim(prefix+"."+name, ".")
}

// spread follows pointers and goes through sets.
func spread(t reflect.Type, values []reflect.Value) (reflect.Type, []reflect.Value) {
	var inner []reflect.Value
	switch {
	case t.Kind() == reflect.Pointer:
		for _, v := range values {
			if !v.IsNil() {
				inner = append(inner, v.Elem())
			}
		}
	case t.Kind() == reflect.Struct && t.NumField() == 1 && t.Field(0).Type.Kind() == reflect.Slice: // a set
		for _, v := range values {
			for i := range v.Field(0).Len() {
				inner = append(inner, v.Field(0).Index(i))
			}
		}
		t = t.Field(0).Type
	default:
		return t, values
	}
	return spread(t.Elem(), inner)
}

// filterTexts are values as filters compare them.
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

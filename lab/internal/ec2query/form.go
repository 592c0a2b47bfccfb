// SPDX-License-Identifier: Apache-2.0

package ec2query

import (
	"cmp"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// parameter is a node of the tree formed by dotted names such as Filter.1.Value.2.
type parameter struct {
	value    *string
	children map[string]*parameter
	used     bool
}

func parameterTree(form url.Values) *parameter {
	root := &parameter{}
	for name, values := range form {
		p := root
		for part := range strings.SplitSeq(name, ".") {
			if p.children == nil {
				p.children = map[string]*parameter{}
			}
			if p.children[part] == nil {
				p.children[part] = &parameter{}
			}
			p = p.children[part]
		}
		p.value = &values[0]
	}
	return root
}

// Decode fills a struct from the parameters of a Query API request. A parameter
// belongs to the field of that name, or with that name in its form tag; lists are flat
// (Name.1, Name.2), as in the EC2 protocol. The tag option "required" refuses a
// request without the parameter. A parameter without a field is refused: the lab must
// not ignore what a caller relies on.
//
// names has the parameters of fields that have another name. recordOf returns the record that a field's
// type stands for, or nil. Such a field is filled by the decoder's LookUp, with the record whose ID the
// parameter is. So a missing parameter is reported before an unknown ID.
func Decode[T any](form url.Values, into any, names map[string]string, recordOf func(reflect.Type) Record[T]) (
	*Decoder[T], error) {
	root := parameterTree(form)
	for _, common := range []string{"Action", "Version"} {
		delete(root.children, common)
	}
	d := &Decoder[T]{names: names, recordOf: recordOf}
	if err := d.parameter(root, "", reflect.ValueOf(into).Elem()); err != nil {
		return nil, err
	}
	if name := root.unused(""); name != "" {
		return nil, Fail("UnknownParameter", "The parameter %s is not recognized", name)
	}
	return d, nil
}

// Record finds a record by its ID, in a state of type T.
type Record[T any] interface {
	Find(state T, id string) (reflect.Value, error)
}

// Decoder remembers the fields that stand for records.
type Decoder[T any] struct {
	names    map[string]string // parameter names by field, where they differ
	recordOf func(reflect.Type) Record[T]
	lookups  []func(T) error
}

// LookUp fills the fields of record types.
func (d *Decoder[T]) LookUp(state T) error {
	for _, look := range d.lookups {
		if err := look(state); err != nil {
			return err
		}
	}
	return nil
}

func (p *parameter) unused(path string) string {
	if p.value != nil && !p.used {
		return path
	}
	for _, name := range slices.Sorted(maps.Keys(p.children)) {
		if found := p.children[name].unused(join(path, name)); found != "" {
			return found
		}
	}
	return ""
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func (d *Decoder[T]) parameter(p *parameter, path string, v reflect.Value) error {
	record := d.recordOf(v.Type())
	switch {
	case record != nil:
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return d.parameter(p, path, v.Elem())
	case v.Kind() == reflect.Struct:
		return d.fields(p, path, v)
	case v.Kind() == reflect.Slice:
		return d.list(p, path, v)
	}
	if p.value == nil {
		return Fail("MalformedQueryString", "The parameter %s has no value", path)
	}
	p.used = true
	switch kind := v.Kind(); {
	case record != nil:
		d.lookups = append(d.lookups, func(state T) error {
			found, err := record.Find(state, *p.value)
			v.Set(found)
			return err
		})
	case kind == reflect.String:
		v.SetString(*p.value)
	case kind == reflect.Bool:
		b, err := strconv.ParseBool(*p.value)
		if err != nil {
			return InvalidParameter("Invalid value '%s' for %s. Must be one of: true, false", *p.value, path)
		}
		v.SetBool(b)
	case kind == reflect.Int:
		n, err := strconv.ParseInt(*p.value, 10, 32)
		if err != nil {
			return InvalidParameter("Invalid integer value '%s' for %s", *p.value, path)
		}
		v.SetInt(n)
	default:
		panic("ec2query: no decoding into " + v.Type().String())
	}
	return nil
}

func (d *Decoder[T]) fields(p *parameter, path string, v reflect.Value) error {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if field.Anonymous {
			if err := d.fields(p, path, v.Field(i)); err != nil {
				return err
			}
			continue
		}
		name, options, _ := strings.Cut(field.Tag.Get("form"), ",")
		if name == "" {
			name = cmp.Or(d.names[field.Name], field.Name)
		}
		child := p.children[name]
		if child == nil {
			if options == "required" {
				return MissingParameter(join(path, name))
			}
			continue
		}
		if err := d.parameter(child, join(path, name), v.Field(i)); err != nil {
			return err
		}
	}
	return nil
}

func (d *Decoder[T]) list(p *parameter, path string, v reflect.Value) error {
	var indices []int
	for name := range p.children {
		n, err := strconv.Atoi(name)
		if err != nil || n < 0 {
			return Fail("MalformedQueryString", "The list parameter %s has an entry '%s'", path, name)
		}
		indices = append(indices, n)
	}
	slices.Sort(indices)
	v.Set(reflect.MakeSlice(v.Type(), len(indices), len(indices)))
	for i, n := range indices {
		name := strconv.Itoa(n)
		if p.children[name] == nil {
			return Fail("MalformedQueryString", "The list parameter %s has an entry with leading zeros", path)
		}
		if err := d.parameter(p.children[name], join(path, name), v.Index(i)); err != nil {
			return err
		}
	}
	return nil
}

package ec2

import (
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// parameter is a node of the tree that dotted names such as
// Filter.1.Value.2 spell out.
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

// decodeForm fills a struct from the parameters of a Query API request. A field
// is found under its Go name, or the name in its form tag; lists are flat
// (Name.1, Name.2) as the EC2 protocol has them. The tag option "required"
// refuses a request without the parameter. A parameter that no field takes is
// refused, so that a caller never believes in what the lab ignores.
func decodeForm(form url.Values, into any) error {
	root := parameterTree(form)
	for _, common := range []string{"Action", "Version"} {
		delete(root.children, common)
	}
	if err := decodeParameter(root, "", reflect.ValueOf(into).Elem()); err != nil {
		return err
	}
	if name := root.unused(""); name != "" {
		return fail("UnknownParameter", "The parameter %s is not recognized", name)
	}
	return nil
}

func (p *parameter) unused(path string) string {
	if p.value != nil && !p.used {
		return path
	}
	for _, name := range sortedKeys(p.children) {
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

func decodeParameter(p *parameter, path string, v reflect.Value) error {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return decodeParameter(p, path, v.Elem())
	case reflect.Struct:
		return decodeStruct(p, path, v)
	case reflect.Slice:
		return decodeList(p, path, v)
	}
	if p.value == nil {
		return fail("MalformedQueryString", "The parameter %s has no value", path)
	}
	p.used = true
	switch v.Kind() {
	case reflect.String:
		v.SetString(*p.value)
	case reflect.Bool:
		b, err := strconv.ParseBool(*p.value)
		if err != nil {
			return invalidParameter("Invalid value '%s' for %s. Must be one of: true, false", *p.value, path)
		}
		v.SetBool(b)
	case reflect.Int:
		n, err := strconv.ParseInt(*p.value, 10, 32)
		if err != nil {
			return invalidParameter("Invalid integer value '%s' for %s", *p.value, path)
		}
		v.SetInt(n)
	default:
		panic("ec2: no decoding into " + v.Type().String())
	}
	return nil
}

func decodeStruct(p *parameter, path string, v reflect.Value) error {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if field.Anonymous {
			if err := decodeStruct(p, path, v.Field(i)); err != nil {
				return err
			}
			continue
		}
		name, options, _ := strings.Cut(field.Tag.Get("form"), ",")
		if name == "" {
			name = field.Name
		}
		child := p.children[name]
		if child == nil {
			if options == "required" {
				return missingParameter(join(path, name))
			}
			continue
		}
		if err := decodeParameter(child, join(path, name), v.Field(i)); err != nil {
			return err
		}
	}
	return nil
}

func decodeList(p *parameter, path string, v reflect.Value) error {
	var indices []int
	for name := range p.children {
		n, err := strconv.Atoi(name)
		if err != nil || n < 0 {
			return fail("MalformedQueryString", "The list parameter %s has an entry '%s'", path, name)
		}
		indices = append(indices, n)
	}
	slices.Sort(indices)
	v.Set(reflect.MakeSlice(v.Type(), len(indices), len(indices)))
	for i, n := range indices {
		name := strconv.Itoa(n)
		if p.children[name] == nil {
			return fail("MalformedQueryString", "The list parameter %s has an entry with leading zeros", path)
		}
		if err := decodeParameter(p.children[name], join(path, name), v.Index(i)); err != nil {
			return err
		}
	}
	return nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// The shapes that many requests share.
type (
	dryRun struct{ DryRun bool }

	// boolValue and stringValue are the AttributeValue shapes of Modify calls.
	boolValue   struct{ Value bool }
	stringValue struct{ Value string }
)

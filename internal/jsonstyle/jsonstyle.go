// SPDX-License-Identifier: Apache-2.0

// Package jsonstyle checks the JSON of commands' results, for tests: every field has a name of its
// own, in camelCase, with initialisms in capitals (elasticIP, vpcs, instanceID). [Problems] takes
// values of the types that commands print, and returns what breaks these rules.
package jsonstyle

import (
	"encoding"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

var (
	camelCase  = regexp.MustCompile(`^[a-z][a-zA-Z0-9]*$`)
	initialism = regexp.MustCompile(`[a-z](Id|Ip|Url|Eni|Cidr|Mac|Vpc)s?([A-Z]|$)`)
	textual    = reflect.TypeFor[encoding.TextMarshaler]()
)

// Problems returns what is wrong with the names of fields, in the types of these values.
func Problems(values ...any) []string {
	w := walk{seen: map[reflect.Type]bool{}}
	for _, v := range values {
		w.look(reflect.TypeOf(v))
	}
	slices.Sort(w.found)
	return w.found
}

type walk struct {
	seen  map[reflect.Type]bool
	found []string
}

func (w *walk) look(t reflect.Type) {
	if t == nil || w.seen[t] || t.Implements(textual) || reflect.PointerTo(t).Implements(textual) {
		return
	}
	w.seen[t] = true
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		w.look(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			w.field(t, t.Field(i))
		}
	}
}

func (w *walk) field(t reflect.Type, f reflect.StructField) {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	switch {
	case name == "-", !f.IsExported() && !f.Anonymous:
		return
	case f.Anonymous && name == "": // its fields are t's
	case name == "":
		w.found = append(w.found, fmt.Sprintf("%s.%s has no name", t, f.Name))
	case !camelCase.MatchString(name), initialism.MatchString(name):
		w.found = append(w.found, fmt.Sprintf("%s.%s is %q", t, f.Name, name))
	}
	w.look(f.Type)
}

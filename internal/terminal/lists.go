// SPDX-License-Identifier: Apache-2.0

package terminal

import (
	"encoding"
	"encoding/json"
	"reflect"
)

// withLists returns a copy of v in which lists that are nil are empty: encoding/json writes nil as
// null, and a program that reads a result should not have to care.
func withLists(v any) any {
	if v == nil {
		return nil
	}
	return filled(reflect.ValueOf(v)).Interface()
}

// filled copies a value. Types that encode themselves stay as they are.
func filled(v reflect.Value) reflect.Value {
	switch v.Interface().(type) {
	case json.Marshaler, encoding.TextMarshaler:
		return v
	}
	out := reflect.New(v.Type()).Elem()
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return v
		}
		out.Set(reflect.New(v.Type().Elem()))
		out.Elem().Set(filled(v.Elem()))
	case reflect.Interface:
		if v.IsNil() {
			return v
		}
		out.Set(filled(v.Elem()))
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return v // encoded as a string
		}
		out.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
		for i := range v.Len() {
			out.Index(i).Set(filled(v.Index(i)))
		}
	case reflect.Map:
		if v.IsNil() {
			return v
		}
		out.Set(reflect.MakeMapWithSize(v.Type(), v.Len()))
		for key, value := range v.Seq2() {
			out.SetMapIndex(key, filled(value))
		}
	case reflect.Struct:
		out.Set(v)
		fillFields(out, v)
	default:
		return v
	}
	return out
}

// fillFields copies the fields that encoding/json writes: exported ones, also those of a struct that is
// embedded and not exported itself.
func fillFields(out, v reflect.Value) {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		switch {
		case field.IsExported():
			out.Field(i).Set(filled(v.Field(i)))
		case field.Anonymous && field.Type.Kind() == reflect.Struct:
			fillFields(out.Field(i), v.Field(i))
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package awscli

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// An answer's faults are where it differs from what the service model lets AWS answer.
// Each names the place, as Action.Member.Member, without the number of a list's item.
type faults map[string]bool

func (f faults) add(path, format string, args ...any) {
	f[path+": "+fmt.Sprintf(format, args...)] = true
}

// element is an XML element.
type element struct {
	name     string
	text     string
	children []*element
}

// checkAnswer compares the raw answer of a successful call with the model of its service.
func checkAnswer(service string, m *serviceModel, action string, raw []byte, f faults) {
	path := service + " " + action
	op := m.Operations[action]
	if op == nil {
		f.add(path, "the model has no such operation")
		return
	}
	w := walker{service, m, f}
	if m.Metadata.Protocol == "json" || m.Metadata.Protocol == "rest-json" {
		if op.Output == nil {
			if len(raw) > 0 {
				f.add(path, "the answer has a body")
			}
			return
		}
		var v any
		if err := json.Unmarshal(raw, &v); err != nil {
			f.add(path, "not JSON: %v", err)
			return
		}
		w.json(path, op.Output.Shape, v)
		return
	}
	root, err := parseXML(raw)
	if err != nil {
		f.add(path, "not XML: %v", err)
		return
	}
	if root.name != action+"Response" {
		f.add(path, "the answer is <%s>", root.name)
	}
	if m.Metadata.Protocol == "ec2" {
		w.ec2Result(path, op, root)
		return
	}
	w.queryResult(path, op, root)
}

func parseXML(raw []byte) (*element, error) {
	d := xml.NewDecoder(bytes.NewReader(raw))
	top := &element{}
	open := []*element{top}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) && len(top.children) == 1 && len(open) == 1 {
			return top.children[0], nil
		}
		if err != nil {
			return nil, err
		}
		in := open[len(open)-1]
		switch token := token.(type) {
		case xml.StartElement:
			e := &element{name: token.Name.Local}
			in.children = append(in.children, e)
			open = append(open, e)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			in.text += string(token)
		}
	}
}

// walker walks an answer along its shapes.
type walker struct {
	service string
	*serviceModel
	faults faults
}

// ec2Result checks an answer of EC2: the request's ID, then the members. A call that
// returns nothing is answered with <return>true</return> (EC2 API Reference, CreateTags).
func (w walker) ec2Result(path string, op *operation, root *element) {
	if len(root.children) == 0 || root.children[0].name != "requestId" {
		w.faults.add(path, "requestId is not the first element")
		return
	}
	members := &element{children: root.children[1:]}
	if op.Output != nil {
		w.walk(path, op.Output.Shape, members)
		return
	}
	if len(members.children) != 1 || members.children[0].name != "return" {
		w.faults.add(path, "a call without a result is answered with more, or less, than return")
	}
}

// queryResult checks an answer of IAM or STS: the result, if there is one, and the
// request's ID (IAM API Reference, Common elements).
func (w walker) queryResult(path string, op *operation, root *element) {
	want := []string{"ResponseMetadata"}
	if op.Output != nil {
		want = []string{op.Output.ResultWrapper, "ResponseMetadata"}
	}
	var got []string
	for _, e := range root.children {
		got = append(got, e.name)
	}
	if !slices.Equal(got, want) {
		w.faults.add(path, "the answer has %v, want %v", got, want)
		return
	}
	if op.Output != nil {
		w.walk(path, op.Output.Shape, root.children[0])
	}
}

func (w walker) walk(path, name string, e *element) {
	s := w.Shapes[name]
	switch s.Type {
	case "structure":
		w.structure(path, name, s, e)
	case "list":
		w.list(path, s, e)
	default:
		if len(e.children) > 0 {
			w.faults.add(path, "has elements, want a value (%s)", s.Type)
			return
		}
		w.value(path, s, e.text)
	}
}

func (w walker) structure(path, name string, s *shape, e *element) {
	if strings.TrimSpace(e.text) != "" {
		w.faults.add(path, "has text, want elements")
	}
	members := map[string]string{} // by their names in an answer
	for member, ref := range s.Members {
		if ref.LocationName != "" {
			members[ref.LocationName] = member
			continue
		}
		members[member] = member
	}
	shown := map[string]*element{}
	for _, child := range e.children {
		member, ok := members[child.name]
		switch {
		case !ok:
			w.faults.add(path, "the model of %s has no element %s", name, child.name)
		case shown[member] != nil:
			w.faults.add(path, "%s is there twice", child.name)
		default:
			shown[member] = child
			w.walk(path+"."+member, s.Members[member].Shape, child)
		}
	}
	w.complete(path, name, s, slices.Collect(maps.Keys(shown)))
}

// complete finds what is missing of a structure: what the model requires, and what AWS
// shows always.
func (w walker) complete(path, name string, s *shape, shown []string) {
	want := append(slices.Clone(s.Required), always(w.service, name, path)...)
	for _, member := range want {
		switch {
		case s.Members[member].Shape == "":
			w.faults.add(path, "the model of %s has no member %s", name, member)
		case !slices.Contains(shown, member):
			w.faults.add(path, "%s is missing, which AWS always shows in %s", member, name)
		}
	}
}

func (w walker) list(path string, s *shape, e *element) {
	if s.Flattened {
		w.faults.add(path, "is a flattened list: not checked")
		return
	}
	item := s.Member.LocationName
	if item == "" {
		item = "member"
	}
	for _, child := range e.children {
		if child.name != item {
			w.faults.add(path, "the list has an element %s, want %s", child.name, item)
			continue
		}
		w.walk(path, s.Member.Shape, child)
	}
	w.within(path, s, len(e.children))
}

// value checks the text of a value.
func (w walker) value(path string, s *shape, text string) {
	var err error
	switch s.Type {
	case "boolean":
		if text != "true" && text != "false" {
			err = errors.New("want true or false")
		}
	case "integer":
		_, err = strconv.ParseInt(text, 10, 32)
	case "long":
		_, err = strconv.ParseInt(text, 10, 64)
	case "float", "double":
		_, err = strconv.ParseFloat(text, 64)
	case "timestamp":
		err = checkTime(w.service, text)
	case "blob":
		_, err = base64.StdEncoding.DecodeString(text)
	case "string":
		w.text(path, s, text)
	default:
		err = fmt.Errorf("a value of type %s is not checked", s.Type)
	}
	if err != nil {
		w.faults.add(path, "%q is no %s: %v", text, s.Type, err)
	}
}

// checkTime checks a time: that of EC2 has milliseconds, those of IAM and STS do not
// (the examples in their API References).
func checkTime(service, text string) error {
	layout := "2006-01-02T15:04:05Z"
	if service == "ec2" {
		layout = "2006-01-02T15:04:05.000Z"
	}
	at, err := time.Parse(layout, text)
	if err == nil && at.Year() < 2000 {
		err = errors.New("before AWS")
	}
	return err
}

func (w walker) text(path string, s *shape, text string) {
	if len(s.Enum) > 0 && !slices.Contains(s.Enum, text) {
		w.faults.add(path, "%q is none of %s", text, strings.Join(s.Enum, ", "))
	}
	w.within(path, s, utf8.RuneCountInString(text))
	if s.Pattern == "" {
		return
	}
	// Some patterns are Java's or Python's, and not checked.
	if pattern, err := regexp.Compile(`\A(?:` + s.Pattern + `)\z`); err == nil && !pattern.MatchString(text) {
		w.faults.add(path, "%q does not match %s", text, s.Pattern)
	}
}

func (w walker) within(path string, s *shape, n int) {
	if s.Min != nil && float64(n) < *s.Min || s.Max != nil && float64(n) > *s.Max {
		w.faults.add(path, "the length %d is out of bounds", n)
	}
}

func (w walker) json(path, name string, v any) {
	s := w.Shapes[name]
	switch v := v.(type) {
	case map[string]any:
		if s.Type != "structure" {
			w.faults.add(path, "is an object, want a %s", s.Type)
			return
		}
		for key, value := range v {
			ref, ok := s.Members[key]
			if !ok {
				w.faults.add(path, "the model of %s has no member %s", name, key)
				continue
			}
			w.json(path+"."+key, ref.Shape, value)
		}
		w.complete(path, name, s, slices.Collect(maps.Keys(v)))
	case []any:
		if s.Type != "list" {
			w.faults.add(path, "is an array, want a %s", s.Type)
			return
		}
		for _, value := range v {
			w.json(path, s.Member.Shape, value)
		}
	case string:
		if s.Type != "string" {
			w.faults.add(path, "is a string, want a %s", s.Type)
			return
		}
		w.text(path, s, v)
	case float64: // a time is a number of seconds (Smithy, AWS JSON protocol)
		if !slices.Contains([]string{"long", "integer", "timestamp", "double", "float"}, s.Type) {
			w.faults.add(path, "is a number, want a %s", s.Type)
		}
	case bool:
		if s.Type != "boolean" {
			w.faults.add(path, "is a boolean, want a %s", s.Type)
		}
	default:
		w.faults.add(path, "is null")
	}
}

// checkError checks that an error of IAM or STS is one that the model lists for the
// operation, or common to all (IAM API Reference, CommonErrors). EC2's model lists none.
func checkError(service string, m *serviceModel, action string, raw []byte, f faults) {
	op := m.Operations[action]
	if op == nil || m.Metadata.Protocol != "query" {
		return
	}
	root, err := parseXML(raw)
	if err != nil || root.name != "ErrorResponse" || len(root.children) == 0 {
		f.add(service+" "+action, "an error that is no ErrorResponse: %s", raw)
		return
	}
	code := ""
	for _, e := range root.children[0].children {
		if e.name == "Code" {
			code = e.text
		}
	}
	known := slices.Clone(commonErrors)
	for _, ref := range op.Errors {
		known = append(known, m.Shapes[ref.Shape].Error.Code)
	}
	if !slices.Contains(known, code) {
		f.add(service+" "+action, "the model has no error %s", code)
	}
}

var commonErrors = []string{"AccessDenied", "AccessDeniedException", "ExpiredToken", "IncompleteSignature",
	"InternalFailure", "InvalidAction", "InvalidClientTokenId", "MissingParameter", "NotAuthorized", "OptInRequired",
	"RequestExpired", "ServiceUnavailable", "SignatureDoesNotMatch", "Throttling", "ValidationError"}

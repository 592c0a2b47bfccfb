// SPDX-License-Identifier: Apache-2.0

package cloudsyaml

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// OddError reports that a clouds.yaml cannot be changed safely. It was left as it is.
type OddError struct{ Reason string }

func (e *OddError) Error() string { return e.Reason }

// pair is a key of a mapping and its value.
type pair struct{ key, value *yaml.Node }

// document is a parsed clouds.yaml.
type document struct {
	root   *yaml.Node // nil if missing or null
	clouds *pair      // nil if missing; its value may be null
}

// parse reads a clouds.yaml. OpenStack's clients read one document, whose root is a mapping
// (openstacksdk, "Configuring OpenStack SDK Applications").
func parse(text []byte) (*document, error) {
	if !utf8.Valid(text) {
		return nil, &OddError{Reason: "it is not UTF-8"}
	}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var first, second yaml.Node
	switch err := dec.Decode(&first); {
	case errors.Is(err, io.EOF):
		return &document{}, nil
	case err != nil:
		return nil, &OddError{Reason: err.Error()}
	}
	switch err := dec.Decode(&second); {
	case err == nil:
		return nil, &OddError{Reason: fmt.Sprintf("line %d: there is a second document, and OpenStack's clients read "+
			"files of one", second.Line)}
	case !errors.Is(err, io.EOF):
		return nil, &OddError{Reason: err.Error()}
	}
	root := first.Content[0]
	switch {
	case root.Kind == yaml.ScalarNode && root.ShortTag() == "!!null":
		return &document{}, nil
	case root.Kind != yaml.MappingNode:
		return nil, &OddError{Reason: fmt.Sprintf("line %d: it is not a mapping", root.Line)}
	}
	doc := &document{root: root}
	for p := range pairs(root) {
		if p.key.Value != "clouds" || p.key.Kind != yaml.ScalarNode {
			continue
		}
		if doc.clouds != nil {
			return nil, &OddError{Reason: fmt.Sprintf(`"clouds" is there twice, in lines %d and %d`, doc.clouds.key.Line,
				p.key.Line)}
		}
		doc.clouds = &p
	}
	if c := doc.clouds; c != nil && c.value.Kind != yaml.MappingNode && c.value.ShortTag() != "!!null" {
		return nil, &OddError{Reason: fmt.Sprintf(`line %d: "clouds" is not a mapping`, c.value.Line)}
	}
	return doc, nil
}

func pairs(mapping *yaml.Node) func(func(pair) bool) {
	return func(yield func(pair) bool) {
		for i := 0; i+1 < len(mapping.Content); i += 2 {
			if !yield(pair{mapping.Content[i], mapping.Content[i+1]}) {
				return
			}
		}
	}
}

// flow reports whether the clouds are in braces.
func (d *document) flow() bool {
	return d.root != nil && d.root.Style&yaml.FlowStyle != 0 ||
		d.clouds != nil && d.clouds.value.Kind == yaml.MappingNode && d.clouds.value.Style&yaml.FlowStyle != 0
}

// entry finds a cloud's entry; nil if there is none.
func (d *document) entry(name string) (found *pair, err error) {
	if d.clouds == nil {
		return nil, nil
	}
	for p := range pairs(d.clouds.value) {
		if p.key.Kind != yaml.ScalarNode || p.key.Value != name {
			continue
		}
		if found != nil {
			return nil, &OddError{Reason: fmt.Sprintf("cloud %s is there twice, in lines %d and %d", name, found.key.Line,
				p.key.Line)}
		}
		found = &p
	}
	return found, nil
}

// differs compares everything except one cloud's entry.
func (d *document) differs(other *document, name string) error {
	mine, others := d.rest(name), other.rest(name)
	if len(mine) != len(others) {
		return fmt.Errorf("there would be %d other keys where there are %d", len(others), len(mine))
	}
	for i := range mine {
		if !same(mine[i], others[i]) {
			return fmt.Errorf("line %d would read differently", mine[i].Line)
		}
	}
	return nil
}

// rest returns everything except one cloud's entry, in order.
func (d *document) rest(name string) (nodes []*yaml.Node) {
	if d.root == nil {
		return nil
	}
	for p := range pairs(d.root) {
		if d.clouds == nil || p.key != d.clouds.key {
			nodes = append(nodes, p.key, p.value)
			continue
		}
		for c := range pairs(p.value) {
			if c.key.Kind != yaml.ScalarNode || c.key.Value != name {
				nodes = append(nodes, c.key, c.value)
			}
		}
	}
	return nodes
}

// same reports whether any parser reads two nodes as the same: aliases and the spelling of scalars
// count, the meaning of scalars does not.
func same(a, b *yaml.Node) bool {
	if a.Kind != b.Kind || a.ShortTag() != b.ShortTag() || a.Value != b.Value || a.Anchor != b.Anchor ||
		len(a.Content) != len(b.Content) {
		return false
	}
	for i := range a.Content {
		if !same(a.Content[i], b.Content[i]) {
			return false
		}
	}
	return true
}

// SPDX-License-Identifier: Apache-2.0

package cloudsyaml

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// marker follows a "clouds:" that Set has added, so that Remove removes it with the last entry.
const marker = " # added by macaw"

// Set returns a clouds.yaml in which the cloud's entry is entry, a YAML mapping. Everything else
// stays, byte for byte. A text that has the entry already is returned unchanged.
func Set(text []byte, name string, entry []byte) ([]byte, error) {
	var want yaml.Node
	if err := yaml.Unmarshal(entry, &want); err != nil {
		return nil, fmt.Errorf("reading the entry of cloud %s: %w", name, err)
	}
	if len(want.Content) != 1 || want.Content[0].Kind != yaml.MappingNode {
		return nil, fmt.Errorf("the entry of cloud %s is not a mapping", name)
	}
	e := edit{name: name, entry: want.Content[0]}
	return e.apply(text)
}

// Remove returns a clouds.yaml without the cloud's entry. Everything else stays, byte for byte.
func Remove(text []byte, name string) ([]byte, error) {
	e := edit{name: name}
	return e.apply(text)
}

// edit is one change: an entry added or replaced, or removed if entry is nil.
type edit struct {
	name  string
	entry *yaml.Node
}

// apply edits the text, and accepts a result only after parsing and comparing it.
func (e edit) apply(text []byte) ([]byte, error) {
	before, err := parse(text)
	if err != nil {
		return nil, err
	}
	have, err := before.entry(e.name)
	if err != nil {
		return nil, err
	}
	if e.entry == nil && have == nil || e.entry != nil && have != nil && same(have.value, e.entry) {
		return text, nil
	}
	candidates, err := e.candidates(text, before, have)
	if err != nil {
		return nil, err
	}
	var why error
	for _, after := range candidates {
		if why = e.verify(before, after); why == nil {
			return after, nil
		}
	}
	return nil, &OddError{Reason: fmt.Sprintf("the entry of cloud %s can't be changed without touching others: %v", e.name,
		why)}
}

// candidates returns possible results, the best first.
func (e edit) candidates(text []byte, doc *document, have *pair) ([][]byte, error) {
	l := splitLines(text)
	switch {
	case doc.flow():
		return e.inFlow(l, doc, have)
	case have != nil:
		return [][]byte{e.replace(l, doc, have)}, nil
	case doc.clouds != nil:
		at := doc.clouds.key.Line // the line after the key's
		indent := doc.clouds.key.Column + 1
		if kids := doc.clouds.value.Content; len(kids) > 0 {
			indent = kids[0].Column - 1
		}
		return [][]byte{l.insert(at, e.lines(indent, l.eol()))}, nil
	}
	indent := 0
	if doc.root != nil && len(doc.root.Content) > 0 {
		indent = doc.root.Content[0].Column - 1
	}
	added := append([]string{strings.Repeat(" ", indent) + "clouds:" + marker + l.eol()}, e.lines(indent+2, l.eol())...)
	all := [][]byte{l.insert(l.end(), added)}
	if doc.root != nil && len(doc.root.Content) > 0 {
		// After a block scalar that ends the file, a new line would become part of it.
		all = append(all, l.insert(doc.root.Content[0].Line-1, added))
	}
	return all, nil
}

// lines returns the entry as a block.
func (e edit) lines(indent int, eol string) []string {
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	_ = enc.Encode(&yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{
		{Kind: yaml.ScalarNode, Value: e.name}, e.entry,
	}}) // encoding a parsed node cannot fail
	var lines []string
	for line := range strings.Lines(b.String()) {
		lines = append(lines, strings.Repeat(" ", indent)+strings.TrimSuffix(line, "\n")+eol)
	}
	return lines
}

// replace replaces the entry in place, or removes it.
func (e edit) replace(l *lines, doc *document, have *pair) []byte {
	from := have.key.Line - 1
	to := l.blockEnd(from, have.key.Column-1)
	var with []string
	if e.entry != nil {
		with = e.lines(have.key.Column-1, l.eol())
	} else if at := doc.clouds.key.Line - 1; len(doc.clouds.value.Content) == 2 && at+1 == from &&
		strings.HasSuffix(strings.TrimRight(l.all[at], "\r\n"), "clouds:"+marker) {
		from = at
	}
	return l.replace(from, to, with)
}

// inFlow edits a mapping in braces. It inserts JSON, which is YAML too, and whose end can be found
// again.
func (e edit) inFlow(l *lines, doc *document, have *pair) ([][]byte, error) {
	clouds := doc.clouds
	if clouds == nil {
		return nil, &OddError{Reason: "it is one mapping in braces, without clouds"}
	}
	text := l.text()
	from := l.offset(clouds.value)
	if from < 0 || text[from] != '{' {
		return nil, &OddError{Reason: fmt.Sprintf("line %d: the clouds are not written as a plain mapping",
			clouds.value.Line)}
	}
	from++
	to := from
	if have != nil {
		from = l.offset(have.key)
		if from < 0 {
			return nil, &OddError{Reason: fmt.Sprintf("line %d: the entry of cloud %s can't be found", have.key.Line, e.name)}
		}
		key, _ := json.Marshal(e.name)
		rest, ok := bytes.CutPrefix(text[from:], append(key, ": "...))
		dec := json.NewDecoder(bytes.NewReader(rest))
		var value json.RawMessage
		if !ok || dec.Decode(&value) != nil {
			return nil, &OddError{Reason: fmt.Sprintf("line %d: the entry of cloud %s was changed by hand", have.key.Line,
				e.name)}
		}
		to = len(text) - len(rest) + int(dec.InputOffset())
	}
	var with []byte
	if e.entry != nil {
		key, _ := json.Marshal(e.name)
		b, err := toJSON(e.entry)
		if err != nil {
			return nil, fmt.Errorf("reading the entry of cloud %s: %w", e.name, err)
		}
		with = append(append(key, ": "...), b...)
		if have == nil && len(clouds.value.Content) > 0 {
			with = append(with, ", "...)
		}
	} else if bytes.HasPrefix(text[to:], []byte(", ")) {
		to += 2
	}
	return [][]byte{bytes.Join([][]byte{text[:from], with, text[to:]}, nil)}, nil
}

// toJSON encodes a node as JSON, with keys in their order.
func toJSON(n *yaml.Node) ([]byte, error) {
	var parts [][]byte
	switch n.Kind {
	case yaml.MappingNode:
		for p := range pairs(n) {
			key, err := json.Marshal(p.key.Value)
			if err != nil {
				return nil, err
			}
			value, err := toJSON(p.value)
			if err != nil {
				return nil, err
			}
			parts = append(parts, bytes.Join([][]byte{key, value}, []byte(": ")))
		}
		return fmt.Appendf(nil, "{%s}", bytes.Join(parts, []byte(", "))), nil
	case yaml.SequenceNode:
		for _, item := range n.Content {
			value, err := toJSON(item)
			if err != nil {
				return nil, err
			}
			parts = append(parts, value)
		}
		return fmt.Appendf(nil, "[%s]", bytes.Join(parts, []byte(", "))), nil
	}
	if n.ShortTag() == "!!str" {
		return json.Marshal(n.Value)
	}
	var value any
	if err := n.Decode(&value); err != nil {
		return nil, err
	}
	return json.Marshal(value)
}

// verify parses the result: the other clouds and everything else are as before, and the entry is as
// wanted.
func (e edit) verify(before *document, text []byte) error {
	after, err := parse(text)
	if err != nil {
		return err
	}
	have, err := after.entry(e.name)
	switch {
	case err != nil:
		return err
	case e.entry == nil && have != nil:
		return errors.New("it would still be there")
	case e.entry != nil && (have == nil || !same(have.value, e.entry)):
		return errors.New("it would read differently")
	}
	return before.differs(after, e.name)
}

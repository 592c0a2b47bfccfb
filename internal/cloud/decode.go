// SPDX-License-Identifier: Apache-2.0

package cloud

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// decoder turns YAML into a Cloud and records the position of each value, by its path, such as
// "nodes[0].type". It collects errors and continues.
type decoder struct {
	file string
	// lines has the lengths of the file's lines, in characters.
	lines []int
	errs  Errors
	at    map[string]position
	// bad has the paths whose value could not be read. Checks that need such a value are skipped,
	// so that one mistake gives one error.
	bad map[string]bool
	// nodes are the entries of the list of nodes.
	nodes []entry
}

type position struct{ line, column int }

func positionOf(t *token.Token) position {
	if t == nil || t.Position == nil {
		return position{1, 1}
	}
	return position{t.Position.Line, t.Position.Column}
}

// nodePosition returns the start of a node. A mapping's own token is its first colon.
func nodePosition(n ast.Node) position {
	switch n := n.(type) {
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return positionOf(n.Values[0].Key.GetToken())
		}
	case *ast.MappingValueNode:
		return positionOf(n.Key.GetToken())
	}
	return positionOf(n.GetToken())
}

// within clamps a position to the file: for something missing, the YAML parser may report a
// position after the end.
func (d *decoder) within(p position) position {
	last := len(d.lines)
	if p.line > last {
		p = position{last, d.lines[last-1] + 1}
	}
	return position{p.line, max(1, min(p.column, d.lines[p.line-1]+1))}
}

func (d *decoder) fail(p position, message, hint string) {
	p = d.within(p)
	d.errs = append(d.errs, &Error{File: d.file, Line: p.line, Column: p.column, Message: message, Hint: hint})
}

// reject records that the value at path is wrong. A default value has no position; the error then
// has that of its parent.
func (d *decoder) reject(path, hint, format string, args ...any) {
	d.bad[path] = true
	d.fail(places{at: d.at}.find(path), path+": "+fmt.Sprintf(format, args...), hint)
}

// has reports whether the file has a value at path.
func (d *decoder) has(path string) bool { _, ok := d.at[path]; return ok }

// ok reports whether all the values could be read.
func (d *decoder) ok(paths ...string) bool {
	return !slices.ContainsFunc(paths, func(p string) bool { return d.bad[p] })
}

// syntaxError is the parser's error. The library's own name for it is in its root package, which
// would add an encoder and a decoder: a third of a megabyte that is not needed.
type syntaxError interface {
	error
	GetMessage() string
	GetToken() *token.Token
}

// document returns the file's one document, or nil.
func (d *decoder) document(data []byte) ast.Node {
	f, err := parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		var syntax syntaxError
		if errors.As(err, &syntax) {
			d.fail(positionOf(syntax.GetToken()), "not YAML: "+syntax.GetMessage(), "")
		} else {
			d.fail(position{1, 1}, "not YAML: "+err.Error(), "")
		}
		return nil
	}
	var bodies []ast.Node
	for _, doc := range f.Docs {
		if doc.Body != nil && doc.Body.Type() != ast.CommentType {
			bodies = append(bodies, doc.Body)
		}
	}
	if len(bodies) == 0 {
		d.fail(position{1, 1}, "the file is empty", "it needs at least a name and a target")
		return nil
	}
	if len(bodies) > 1 {
		d.fail(nodePosition(bodies[1]), "a second document: a cloud file has one", "")
	}
	return bodies[0]
}

// field is a key with the function that reads its value.
type field struct {
	key  string
	read func(path string, n ast.Node)
}

// mapping reads a mapping and rejects unknown keys.
func (d *decoder) mapping(path string, n ast.Node, fields ...field) {
	var values []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	case *ast.NullNode:
		return // a section with all keys commented out
	default:
		d.wrongType(path, n, "keys and values")
		return
	}
	keys := make([]string, len(fields))
	for i, f := range fields {
		keys[i] = f.key
	}
	seen := map[string]int{}
	for _, v := range values {
		at := positionOf(v.Key.GetToken())
		key := v.Key.GetToken().Value
		full := strings.TrimPrefix(path+"."+key, ".")
		i := slices.Index(keys, key)
		if i < 0 {
			d.fail(at, fmt.Sprintf("unknown key %q", full), suggest(key, keys))
			continue
		}
		if line, again := seen[key]; again {
			d.fail(at, fmt.Sprintf("duplicate key %q", full), fmt.Sprintf("the first is on line %d", line))
			continue
		}
		seen[key] = at.line
		if d.at[full] = nodePosition(v.Value); v.Value.Type() == ast.NullType {
			d.at[full] = at
		}
		fields[i].read(full, v.Value)
	}
}

// suggest returns a hint for a word that is not one of words.
func suggest(word string, words []string) string {
	if w := closest(word, words); w != "" {
		return fmt.Sprintf("did you mean %q?", w)
	}
	return "known here: " + strings.Join(words, ", ")
}

// list calls read for each entry of a sequence and returns their number.
func (d *decoder) list(path string, n ast.Node, read func(path string, n ast.Node)) int {
	s, ok := n.(*ast.SequenceNode)
	if !ok {
		d.wrongType(path, n, "a list")
		return 0
	}
	for i, v := range s.Values {
		p := fmt.Sprintf("%s[%d]", path, i)
		d.at[p] = nodePosition(v)
		read(p, v)
	}
	return len(s.Values)
}

func (d *decoder) text(path string, n ast.Node, to *string) bool {
	switch n := n.(type) {
	case *ast.StringNode:
		*to = n.Value
	case *ast.LiteralNode:
		*to = strings.TrimSpace(n.Value.Value)
	default:
		d.wrongType(path, n, "text")
		return false
	}
	if *to == "" {
		d.reject(path, "", "is empty")
		return false
	}
	return true
}

func (d *decoder) number(path string, n ast.Node, to *int) {
	v, ok := n.(*ast.IntegerNode)
	if !ok {
		// The YAML parser treats digits that fit no integer as text.
		if digits := n.GetToken().Value; n.Type() == ast.StringType && strings.Trim(digits, "0123456789") == "" &&
			digits != "" {
			if _, err := strconv.Atoi(digits); err == nil {
				d.reject(path, "write "+digits+" without quotes", "%q is text: want a whole number", digits)
				return
			}
			d.reject(path, "", "%s is too large", digits)
			return
		}
		d.wrongType(path, n, "a whole number")
		return
	}
	switch v := v.Value.(type) {
	case int64:
		*to = int(v)
	case uint64:
		if v > 1<<31 {
			d.reject(path, "", "%d is too large", v)
			return
		}
		*to = int(v)
	}
}

func (d *decoder) boolean(path string, n ast.Node, to *bool) {
	v, ok := n.(*ast.BoolNode)
	if !ok {
		d.wrongType(path, n, "true or false")
		return
	}
	*to = v.Value
}

func (d *decoder) prefix(path string, n ast.Node, to *netip.Prefix) bool {
	var s string
	if !d.text(path, n, &s) {
		return false
	}
	p, err := netip.ParsePrefix(s)
	switch {
	case err != nil:
		hint := "write it like 10.0.0.0/16"
		if a, err := netip.ParseAddr(s); err == nil && a.Is4() {
			hint = fmt.Sprintf("for this one address write %s/32", a)
		}
		d.reject(path, hint, "%q is not a CIDR", s)
	case !p.Addr().Is4():
		d.reject(path, "", "%s is not IPv4", s)
	case p != p.Masked():
		d.reject(path, fmt.Sprintf("the network is %s", p.Masked()), "%s has host bits set", s)
	default:
		*to = p
		return true
	}
	return false
}

func (d *decoder) address(path string, n ast.Node, to *netip.Addr) {
	var s string
	if !d.text(path, n, &s) {
		return
	}
	a, err := netip.ParseAddr(s)
	if err != nil || !a.Is4() {
		d.reject(path, "write it like 10.0.1.64", "%q is not an IPv4 address", s)
		return
	}
	*to = a
}

func (d *decoder) wrongType(path string, n ast.Node, want string) {
	got, hint := "something else", ""
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		got = "keys and values"
	case *ast.SequenceNode:
		got = "a list"
	case *ast.StringNode, *ast.LiteralNode:
		got = "text"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		got = "a number"
	case *ast.BoolNode:
		got = "true or false"
	case *ast.NullNode:
		got = "nothing"
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode:
		got = "an anchor, an alias or a tag, which a cloud file has no use for"
	}
	if want == "text" && (got == "a number" || got == "true or false") {
		hint = fmt.Sprintf("put it in quotes: %q", n.GetToken().Value)
	}
	if path == "" {
		d.bad[path] = true
		d.fail(nodePosition(n), fmt.Sprintf("expected %s, found %s", want, got), "")
		return
	}
	d.reject(path, hint, "expected %s, found %s", want, got)
}

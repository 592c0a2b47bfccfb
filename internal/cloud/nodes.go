// SPDX-License-Identifier: Apache-2.0

package cloud

import (
	"fmt"
	"slices"

	"github.com/goccy/go-yaml/ast"

	"macaw.example/internal/model"
)

// Node is one instance.
type Node struct {
	Name string
	// Type is the EC2 instance type.
	Type  string
	Roles []model.Role
	// Image is an image ID, or empty if Macaw chooses.
	Image string
	// Disk is the size of the root volume in GiB.
	Disk int
	// Zone is the availability zone, or empty for the cloud's.
	Zone string
	// Spot makes it a Spot Instance.
	Spot bool

	entry int // its index in the file
}

// Has reports whether a node has a role.
func (n Node) Has(r model.Role) bool { return slices.Contains(n.Roles, r) }

// Public reports whether a node is in the management subnet, with an Elastic IP. Others only compute.
func (n Node) Public() bool { return n.Has(model.Controller) || n.Has(model.Gateway) }

// Field returns the path of one of the node's values in the file, for [Cloud.Reject]. Nodes made by count
// share an entry.
func (n Node) Field(key string) string { return entryPath(n.entry) + "." + key }

// With returns the nodes with a role.
func (c *Cloud) With(r model.Role) (nodes []Node) {
	for _, n := range c.Nodes {
		if n.Has(r) {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

// entry is one of the file's list of nodes.
type entry struct {
	Node
	count int // 0 if it is not in the file
	zones []string
}

func entryPath(i int) string { return fmt.Sprintf("nodes[%d]", i) }

// maxNodes is how many nodes an entry may make: far more than what one controller serves, and few enough
// that a mistyped number costs no fortune.
const maxNodes = 100

func (d *decoder) node(path string, n ast.Node, e *entry) {
	texts := func(add func(string)) func(string, ast.Node) {
		return func(p string, n ast.Node) {
			d.list(p, n, func(p string, n ast.Node) {
				var s string
				if d.text(p, n, &s) {
					add(s)
				}
			})
		}
	}
	d.mapping(path, n,
		field{"name", func(p string, n ast.Node) { d.text(p, n, &e.Name) }},
		field{"count", func(p string, n ast.Node) { d.number(p, n, &e.count) }},
		field{"type", func(p string, n ast.Node) { d.text(p, n, &e.Type) }},
		field{"roles", texts(func(s string) { e.Roles = append(e.Roles, model.Role(s)) })},
		field{"zones", texts(func(s string) { e.zones = append(e.zones, s) })},
		field{"spot", func(p string, n ast.Node) { d.boolean(p, n, &e.Spot) }},
		field{"image", func(p string, n ast.Node) { d.text(p, n, &e.Image) }},
		field{"disk", func(p string, n ast.Node) { d.number(p, n, &e.Disk) }},
	)
}

func (d *decoder) nodeDefaults() {
	if !d.has("nodes") {
		d.nodes = []entry{{}}
	}
	for i := range d.nodes {
		e, path := &d.nodes[i], entryPath(i)
		e.entry = i
		if !d.has(path + ".name") {
			e.Name = fmt.Sprintf("cloud-%d", i+1)
		}
		if !d.has(path + ".type") {
			e.Type = defaultNodeType
		}
		if !d.has(path + ".roles") {
			e.Roles = model.Roles()
		}
		if !d.has(path + ".disk") {
			e.Disk = defaultDisk
		}
	}
}

// expand makes the nodes of the entries. Nodes of an entry with count are numbered even if it is 1, so that
// raising it renames none.
func (d *decoder) expand(c *Cloud) {
	for i, e := range d.nodes {
		counted := d.has(entryPath(i) + ".count")
		for k := range min(max(e.count, 1), maxNodes) {
			n := e.Node
			n.Roles = slices.Clone(e.Roles)
			if counted {
				n.Name = fmt.Sprintf("%s-%d", e.Name, k+1)
			}
			if len(e.zones) > 0 && !n.Public() {
				n.Zone = c.zoneName(e.zones[k%len(e.zones)])
			}
			c.Nodes = append(c.Nodes, n)
		}
	}
}

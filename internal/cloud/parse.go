// SPDX-License-Identifier: Apache-2.0

package cloud

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"

	"macaw.example/internal/hint"
	"macaw.example/internal/smallfile"
)

// Load reads the cloud file at path. Mistakes in the file are returned as Errors; other errors are
// those of the file system.
func Load(path string) (*Cloud, error) {
	data, err := smallfile.Read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, hint.With(fmt.Errorf("reading the cloud file: %w", err),
			"examples/minimal.yaml is one to begin with; macaw help shows the commands")
	}
	if err != nil {
		return nil, fmt.Errorf("reading the cloud file: %w", err)
	}
	return Parse(path, data)
}

// Parse reads a cloud file, fills in the defaults and validates it; file is its name in error
// messages. The error is of type Errors and has all mistakes, not only the first.
func Parse(file string, data []byte) (*Cloud, error) {
	data = bytes.TrimPrefix(data, []byte("\uFEFF")) // byte order mark, written by editors on Windows; YAML allows it
	d := &decoder{file: file, lines: lineLengths(data), at: map[string]position{}, bad: map[string]bool{}}
	c := &Cloud{places: places{file: file, at: d.at}}
	if root := d.document(data); root != nil {
		d.at[""] = nodePosition(root)
		d.cloud(root, c)
		if !d.bad[""] {
			d.defaults(c)
			d.expand(c)
			d.validate(c)
		}
	}
	if len(d.errs) > 0 {
		d.errs.sort()
		return nil, d.errs
	}
	return c, nil
}

// lineLengths returns the length of each line in characters. A line break at the end of the file
// starts no line.
func lineLengths(data []byte) []int {
	var lengths []int
	for line := range strings.SplitSeq(strings.TrimSuffix(string(data), "\n"), "\n") {
		lengths = append(lengths, utf8.RuneCountInString(strings.TrimSuffix(line, "\r")))
	}
	return lengths
}

func (d *decoder) cloud(root ast.Node, c *Cloud) {
	text := func(to *string) func(string, ast.Node) {
		return func(path string, n ast.Node) { d.text(path, n, to) }
	}
	number := func(to *int) func(string, ast.Node) {
		return func(path string, n ast.Node) { d.number(path, n, to) }
	}
	prefix := func(to *netip.Prefix) func(string, ast.Node) {
		return func(path string, n ast.Node) { d.prefix(path, n, to) }
	}
	section := func(fields ...field) func(string, ast.Node) {
		return func(path string, n ast.Node) { d.mapping(path, n, fields...) }
	}
	d.mapping("", root,
		field{"name", text(&c.Name)},
		field{"target", text(&c.Target)},
		field{"availabilityZone", text(&c.AvailabilityZone)},
		field{"vpc", section(
			field{"cidr", prefix(&c.VPC.CIDR)},
		)},
		field{"management", section(
			field{"subnet", prefix(&c.Management.Subnet)},
			field{"private", prefix(&c.Management.Private)},
			field{"nat", func(path string, n ast.Node) { d.nat(path, n, &c.Management.NATGateway) }},
			field{"allow", func(path string, n ast.Node) { d.allow(path, n, &c.Management) }},
			field{"domain", text(&c.Management.Domain)},
			field{"tls", section(
				field{"certificate", text(&c.Management.TLS.Certificate)},
				field{"key", text(&c.Management.TLS.Key)},
				field{"acme", section(
					field{"directory", text(&c.Management.TLS.ACME.Directory)},
					field{"email", text(&c.Management.TLS.ACME.Email)},
					field{"authority", text(&c.Management.TLS.ACME.Authority)},
				)},
				field{"authority", text(&c.Management.TLS.Authority)},
			)},
		)},
		field{"provider", section(
			field{"subnet", prefix(&c.Provider.Subnet)},
			field{"addresses", number(&c.Provider.Addresses)},
			field{"first", func(path string, n ast.Node) { d.address(path, n, &c.Provider.First) }},
			field{"elasticIPs", func(path string, n ast.Node) { d.policy(path, n, &c.Provider.ElasticIPs) }},
			field{"pool", func(path string, n ast.Node) {
				d.list(path, n, func(path string, n ast.Node) {
					var id string
					if d.text(path, n, &id) {
						c.Provider.Pool = append(c.Provider.Pool, id)
					}
				})
			}},
			field{"releaseAfter", func(path string, n ast.Node) { d.releaseAfter(path, n, &c.Provider.ReleaseAfter) }},
			field{"ipv6", func(path string, n ast.Node) { d.boolean(path, n, &c.Provider.IPv6) }},
		)},
		field{"nodes", func(path string, n ast.Node) {
			d.list(path, n, func(path string, n ast.Node) {
				d.nodes = append(d.nodes, entry{})
				d.node(path, n, &d.nodes[len(d.nodes)-1])
			})
		}},
		field{"evacuate", func(path string, n ast.Node) { d.evacuate(path, n, &c.Evacuate) }},
		field{"verify", section(
			field{"image", text(&c.Verify.Image)},
			field{"sha256", text(&c.Verify.SHA256)},
		)},
		field{"lab", section(
			field{"elasticIPQuota", number(&c.Lab.ElasticIPQuota)},
		)},
	)
}

// allowAuto stands for the operator's own address in management.allow.
const allowAuto = "auto"

// allow reads a list of networks, in which one may be "auto", or "auto" alone.
func (d *decoder) allow(path string, n ast.Node, m *Management) {
	if s, ok := n.(*ast.StringNode); ok {
		if m.AllowOperator = s.Value == allowAuto; !m.AllowOperator {
			hint := "auto, or a list such as [198.51.100.7/32]"
			if closest(s.Value, []string{allowAuto}) != "" {
				hint = `did you mean "auto"?`
			}
			d.reject(path, hint, "expected a list or auto, found %q", s.Value)
		}
		return
	}
	d.list(path, n, func(path string, n ast.Node) {
		if s, ok := n.(*ast.StringNode); ok && s.Value == allowAuto {
			if m.AllowOperator {
				d.reject(path, "", "is auto a second time")
			}
			m.AllowOperator = true
			return
		}
		var p netip.Prefix
		if d.prefix(path, n, &p) {
			m.Allow = append(m.Allow, p)
		}
	})
}

// SPDX-License-Identifier: Apache-2.0

package cloud

import (
	"slices"

	"github.com/goccy/go-yaml/ast"
)

// The values of management.nat: what the nodes that only compute reach the Internet through.
const (
	natInstance = "instance" // the first gateway
	natGateway  = "gateway"  // a NAT gateway of AWS's
)

func (d *decoder) nat(path string, n ast.Node, gateway *bool) {
	var s string
	if !d.text(path, n, &s) {
		return
	}
	known := []string{natInstance, natGateway}
	if !slices.Contains(known, s) {
		d.reject(path, suggest(s, known), "%q is neither instance nor gateway", s)
		return
	}
	*gateway = s == natGateway
}

// UsesNATGateway reports whether the cloud has a NAT gateway: the file says so, and there are nodes without a
// public address. It comes with the first of them, and goes with the last.
func (c *Cloud) UsesNATGateway() bool {
	return c.Management.NATGateway && slices.ContainsFunc(c.Nodes, func(n Node) bool { return !n.Public() })
}

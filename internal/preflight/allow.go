// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"fmt"
	"net/netip"
	"strings"
)

// checkAllow is the check of who may reach the cloud from outside.
const checkAllow = "management.allow"

// neverPublic are networks that no packet from the Internet has as its source (IANA IPv4 Special-Purpose Address
// Registry), with what they are.
var neverPublic = []struct {
	network netip.Prefix
	what    string
}{
	{netip.MustParsePrefix("192.0.2.0/24"), "for documentation"},
	{netip.MustParsePrefix("198.51.100.0/24"), "for documentation"},
	{netip.MustParsePrefix("10.0.0.0/8"), "private"},
	{netip.MustParsePrefix("172.16.0.0/12"), "private"},
	{netip.MustParsePrefix("192.168.0.0/16"), "private"},
	{netip.MustParsePrefix("100.64.0.0/10"), "of carriers' NAT"},
	{netip.MustParsePrefix("127.0.0.0/8"), "loopback"},
	{netip.MustParsePrefix("169.254.0.0/16"), "link-local"},
}

// allow checks that the networks in management.allow can reach an Elastic IP, and that this machine is in one.
func (r *run) allow() {
	if !r.Public {
		return
	}
	operator := false
	var others []string
	for _, n := range r.c.Management.Allow {
		others = append(others, n.String())
		own := r.Operator.IsValid() && n.Contains(r.Operator)
		operator = operator || own
		for _, never := range neverPublic {
			if never.network.Contains(n.Addr()) && n.Bits() >= never.network.Bits() && !own {
				r.add(checkAllow, Failed, checkAllow,
					"the public address from which you come: curl https://checkip.amazonaws.com shows it; or allow: auto",
					"%s is %s (%s): from there nobody reaches an Elastic IP", n, never.what, never.network)
			}
		}
	}
	switch {
	case !r.Operator.IsValid():
	case operator:
		r.pass(checkAllow, "this machine's public address, %s, is in it", r.Operator)
	default:
		r.add(checkAllow, Unknown, checkAllow, fmt.Sprintf("add %s/32, or auto, unless you come from another address then",
			r.Operator), "this machine's public address, %s, is not in %s: up could not reach the nodes from here", r.Operator,
			strings.Join(others, ", "))
	}
}

// NotAdmitted returns the check that this machine is not in management.allow, if it is not.
func NotAdmitted(checks []Check) (Check, bool) {
	for _, c := range checks {
		if c.Name == checkAllow && c.State == Unknown {
			return c, true
		}
	}
	return Check{}, false
}

// SPDX-License-Identifier: Apache-2.0

package registrar

import (
	"net/netip"
	"strings"
)

// Verb is what an Action does.
type Verb string

// The verbs, in the order in which a plan has them.
const (
	Unassign     Verb = "unassign"     // Addrs from ENI
	Assign       Verb = "assign"       // Addrs to ENI, if Move even from another interface of the cloud
	Disassociate Verb = "disassociate" // Association of Allocation
	Release      Verb = "release"      // Allocation
	Allocate     Verb = "allocate"     // an Elastic IP for the only one of Addrs, and associate it with that on ENI
	Associate    Verb = "associate"    // Allocation with the only one of Addrs on ENI, if Move even from elsewhere
	NeedENI      Verb = "need-eni"     // attach ENI to this node, or a new one if it is empty
)

// Action is one step of a plan: one call, but for Allocate and NeedENI.
type Action struct {
	Verb        Verb
	ENI         string
	Addrs       []netip.Addr // of one family
	Allocation  string
	Association string
	Move        bool
}

// String is the action as text for logs.
func (a Action) String() string {
	parts := []string{string(a.Verb)}
	for _, addr := range a.Addrs {
		parts = append(parts, addr.String())
	}
	for _, id := range []string{a.Allocation, a.ENI} {
		if id != "" {
			parts = append(parts, id)
		}
	}
	if a.Move {
		parts = append(parts, "(moving)")
	}
	return strings.Join(parts, " ")
}

func (a Action) ipv6() bool { return len(a.Addrs) > 0 && !a.Addrs[0].Is4() }

func (a Action) addr() netip.Addr {
	if len(a.Addrs) == 0 {
		return netip.Addr{}
	}
	return a.Addrs[0]
}

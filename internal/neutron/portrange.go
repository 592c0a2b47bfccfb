// SPDX-License-Identifier: Apache-2.0

package neutron

import (
	"fmt"
	"strconv"
	"strings"
)

// PortRange is one TCP or UDP port, or a range.
type PortRange struct {
	First uint16 `json:"first"`
	Last  uint16 `json:"last"`
}

// ParsePortRange parses "22" or "8000-8010".
func ParsePortRange(s string) (PortRange, error) {
	first, last, isRange := strings.Cut(s, "-")
	if !isRange {
		last = first
	}
	a, errFirst := strconv.ParseUint(first, 10, 16)
	b, errLast := strconv.ParseUint(last, 10, 16)
	switch {
	case errFirst != nil || errLast != nil || a == 0:
		return PortRange{}, fmt.Errorf("port %q: want a number from 1 to 65535, or a range such as 8000-8010", s)
	case b < a:
		return PortRange{}, fmt.Errorf("ports %q: the last is below the first", s)
	}
	return PortRange{uint16(a), uint16(b)}, nil
}

// String returns "22" or "8000-8010".
func (r PortRange) String() string {
	if r.First == r.Last {
		return strconv.Itoa(int(r.First))
	}
	return fmt.Sprintf("%d-%d", r.First, r.Last)
}

// Len returns the number of ports.
func (r PortRange) Len() int { return int(r.Last) - int(r.First) + 1 }

func (r PortRange) overlaps(o PortRange) bool { return r.First <= o.Last && o.First <= r.Last }

// api formats it as Neutron's external_port_range.
func (r PortRange) api() string { return fmt.Sprintf("%d:%d", r.First, r.Last) }

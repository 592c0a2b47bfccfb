// SPDX-License-Identifier: Apache-2.0

package model

import (
	"net/netip"
	"time"
)

// Held is an Elastic IP whose release is waiting, or was until an operator agreed.
type Held struct {
	Allocation string     `json:"allocation"`
	Public     netip.Addr `json:"public"`
	Addr       netip.Addr `json:"addr"` // the address that it was made for
	Since      time.Time  `json:"since"`
	Until      time.Time  `json:"until,omitzero"` // zero: until an operator agrees
	Agreed     bool       `json:"agreed,omitempty"`
}

// Waits reports whether no operator has agreed yet and the wait is not over.
func (h Held) Waits(now time.Time) bool {
	return !h.Agreed && (h.Until.IsZero() || now.Before(h.Until))
}

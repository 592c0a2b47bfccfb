// SPDX-License-Identifier: Apache-2.0

package model

import (
	"net/netip"
	"time"
)

// Held is an Elastic IP whose release waits, or waited until an operator agreed.
type Held struct {
	Allocation string     `json:"allocation"`
	Public     netip.Addr `json:"public"`
	Addr       netip.Addr `json:"addr"` // that it was made for
	Since      time.Time  `json:"since"`
	Until      time.Time  `json:"until,omitzero"` // zero: until an operator agrees
	Agreed     bool       `json:"agreed,omitempty"`
}

// Waits says whether nobody has agreed yet and its time is not over.
func (h Held) Waits(now time.Time) bool {
	return !h.Agreed && (h.Until.IsZero() || now.Before(h.Until))
}

// SPDX-License-Identifier: Apache-2.0

package model

import "net/netip"

// Code identifies the kind of a finding.
type Code string

// Finding is something wanted that is not possible now. It is retried, and everything else goes on.
type Finding struct {
	Addr netip.Addr `json:"addr,omitzero"` // invalid if it is not about an address
	Code Code       `json:"code"`
	Text string     `json:"text"`           // a sentence without a full stop
	Hint string     `json:"hint,omitempty"` // a remedy, or empty
}

// SPDX-License-Identifier: Apache-2.0

package model

import "net/netip"

// Code says what kind of thing cannot be had.
type Code string

// Finding is something wanted that cannot be had. Everything else goes on, and
// it is tried again.
type Finding struct {
	Addr netip.Addr `json:"addr,omitzero"` // invalid if it is about none
	Code Code       `json:"code"`
	Text string     `json:"text"`           // a sentence without a full stop
	Hint string     `json:"hint,omitempty"` // what to do, or empty
}

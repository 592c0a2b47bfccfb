// SPDX-License-Identifier: Apache-2.0

package nodeapi

import (
	"net/netip"
	"time"

	"macaw.example/internal/model"
	"macaw.example/internal/neutron"
)

// Status is a gateway as it works now, for people and as JSON.
type Status struct {
	Mode     string           `json:"mode"` // ModeTranslate or ModeOff
	PinDir   string           `json:"pin_dir"`
	Entries  []Entry          `json:"entries"`
	Counters map[string]Count `json:"counters"` // by reason; every one, zero ones too
	// Report is what the agent knows; nil if it has not finished a pass since the
	// machine started.
	Report *Report `json:"report,omitempty"`
}

// The modes of the translation.
const (
	ModeTranslate = "translate" // frames are translated
	ModeOff       = "off"       // they pass untouched, and AWS drops them
)

// Entry is an address that is translated: frames to it go to MAC.
type Entry struct {
	Addr netip.Addr `json:"addr"`
	MAC  model.MAC  `json:"mac"`
	ENI  model.MAC  `json:"eni,omitzero"` // of the ENI that it is registered on
}

// Count is how many frames there were.
type Count struct {
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
}

// Report is what the agent knows, for people and as JSON.
type Report struct {
	Neutron   Contact   `json:"neutron"`
	AWS       Contact   `json:"aws"`
	ENIs      []ENI     `json:"enis"`
	Addresses []Address `json:"addresses"` // that Neutron has given out, in order
	// Findings are what cannot be had, and what to do.
	Findings []model.Finding `json:"findings"`
	// Held are Elastic IPs that Neutron has let go of and that are kept for now, or
	// whose release was agreed to.
	Held []model.Held `json:"held"`
}

// Contact is how the agent gets on with somebody whom it asks.
type Contact struct {
	Answered time.Time `json:"answered,omitzero"` // last
	Error    string    `json:"error,omitempty"`   // of the last question
}

// ENI is one of the node's provider ENIs.
type ENI struct {
	ID        string     `json:"id"`
	MAC       string     `json:"mac"`
	Primary   netip.Addr `json:"primary"`
	Device    int        `json:"device"`    // index
	Addresses int        `json:"addresses"` // secondary private IPv4 addresses on it
	Limit     int        `json:"limit"`     // of those
}

// Address is one that Neutron has given out.
type Address struct {
	Addr    netip.Addr       `json:"addr"`
	Kind    neutron.Kind     `json:"kind"`
	ID      string           `json:"id"` // of the port or floating IP
	Router  string           `json:"router,omitempty"`
	Project string           `json:"project,omitempty"`
	Host    string           `json:"host,omitempty"`   // the node that Neutron has it on
	Here    bool             `json:"here"`             // this node looks after it
	ENI     string           `json:"eni,omitempty"`    // ID of the one that it is registered on
	Public  netip.Addr       `json:"public,omitzero"`  // where the Internet finds it
	Policy  model.ElasticIPs `json:"policy,omitempty"` // its own, by tag
}

// Owner is who has it, for people.
func (a Address) Owner() string {
	return neutron.Address{Kind: a.Kind, ID: a.ID, Router: a.Router}.Owner()
}

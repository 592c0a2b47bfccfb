// SPDX-License-Identifier: Apache-2.0

package nodeapi

import (
	"net/netip"
	"strings"
	"time"

	"macaw.example/internal/model"
	"macaw.example/internal/neutron"
)

// Status is a node's current state, for display and as JSON. A node that is no gateway has only Machine.
type Status struct {
	Mode     string           `json:"mode,omitempty"` // ModeTranslate or ModeOff
	PinDir   string           `json:"pinDir,omitempty"`
	Entries  []Entry          `json:"entries,omitzero"`
	Counters map[string]Count `json:"counters,omitzero"` // by reason; every one, zero ones too
	// Report is the agent's last report; nil if it has not finished a pass since the machine
	// started.
	Report *Report `json:"report,omitempty"`
	// NamesUnknown is why names of what has the addresses are missing; empty if all are known that this node may
	// know.
	NamesUnknown string `json:"namesUnknown,omitempty"`
	// Machine is nil on a gateway that Macaw has not made.
	Machine *Machine `json:"machine,omitempty"`
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

// Count is a number of frames and bytes.
type Count struct {
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
}

// Report is the agent's view, for display and as JSON.
type Report struct {
	Neutron   Contact   `json:"neutron"`
	AWS       Contact   `json:"aws"`
	ENIs      []ENI     `json:"enis"`
	Addresses []Address `json:"addresses"` // Neutron's addresses, in order
	// Findings are problems, with remedies.
	Findings []model.Finding `json:"findings"`
	// Allowances are the counters of the NICs that have them.
	Allowances []Allowances `json:"allowances,omitempty"`
	// Held are Elastic IPs that Neutron has released and that are kept for now, or whose release
	// was agreed to.
	Held []model.Held `json:"held"`
}

// Contact is the state of the agent's connection to a service.
type Contact struct {
	Answered time.Time `json:"answered,omitzero"` // last success
	Error    string    `json:"error,omitempty"`   // of the last request
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

// Allowances are what a NIC's driver says of the instance's network allowances. Only ENA's
// does (EC2 User Guide, monitoring-network-performance-ena).
type Allowances struct {
	NIC string `json:"nic"`
	// Exceeded counts packets that AWS queued or dropped since the driver was reset, by the
	// driver's name of the counter.
	Exceeded map[string]uint64 `json:"exceeded"`
	// ConnectionsAvailable is how many more connections AWS can track; nil if the driver does
	// not say.
	ConnectionsAvailable *uint64 `json:"connectionsAvailable,omitempty"`
}

// Address is one of Neutron's addresses.
type Address struct {
	Addr    netip.Addr            `json:"addr"`
	Kind    neutron.Kind          `json:"kind"`
	ID      string                `json:"id"` // of the port or floating IP
	Router  string                `json:"router,omitempty"`
	Project string                `json:"project,omitempty"`
	Name    string                `json:"name,omitempty"`   // of what has it, such as "server web-1"; empty if unknown
	Host    string                `json:"host,omitempty"`   // the node that Neutron has bound it to
	Here    bool                  `json:"here"`             // this node is responsible for it
	ENI     string                `json:"eni,omitempty"`    // ID of the ENI that it is registered on
	Public  netip.Addr            `json:"public,omitzero"`  // its public address
	Policy  model.ElasticIPPolicy `json:"policy,omitempty"` // its own, by tag
}

// Owner describes the owner, for display: by name if it has one, else by ID.
func (a Address) Owner() string {
	switch {
	case a.Name == "":
	case a.Kind == neutron.KindRouter:
		return a.Name
	case a.Kind == neutron.KindFloating:
		return "floating IP of " + a.Name
	case strings.HasPrefix(a.Name, "port "):
		return a.Name
	default:
		return "port of " + a.Name
	}
	return neutron.Address{Kind: a.Kind, ID: a.ID, Router: a.Router}.Owner()
}

// SPDX-License-Identifier: Apache-2.0

package nodeapi

import "time"

// Machine is the state of a node beyond its translation, for display and as JSON.
type Machine struct {
	// Datapath is where Open vSwitch forwards frames; empty if it does not answer.
	Datapath string `json:"datapath,omitempty"`
	// Stopped are units of the cloud that should be running and are not, in order of their start. Those
	// that systemd is about to start are not among them; masked ones, and those without a file, are.
	Stopped []string `json:"stopped"`
	// Unknown is why Stopped is not known; empty if it is.
	Unknown string `json:"unknown,omitempty"`
	// Certificates are those that the node serves or identifies itself with.
	Certificates []Certificate `json:"certificates"`
}

// The datapaths of Open vSwitch.
const (
	DatapathKernel = "kernel"
	DatapathUser   = "user space" // slower; where the kernel lacks the module openvswitch
)

// Certificate is a certificate that a node uses.
type Certificate struct {
	Path    string    `json:"path"`
	Names   []string  `json:"names"` // and addresses
	Expires time.Time `json:"expires,omitzero"`
	// Error is why it cannot be read, for instance that its key is another's; then the rest is empty.
	Error string `json:"error,omitempty"`
}

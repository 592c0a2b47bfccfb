// SPDX-License-Identifier: Apache-2.0

package nodeapi

import (
	"net/netip"
	"time"
)

const (
	// ComputesUnit is the controller's unit that empties compute nodes which AWS takes away.
	ComputesUnit = "macaw-computes.service"
	// ComputesConfig is its configuration, a [Computes].
	ComputesConfig = "/etc/macaw/computes.json"
	// ComputesState has the rebalance recommendations that it has followed.
	ComputesState = "/var/lib/macaw/computes.json"
	// SpotUnit is the unit of a Spot Instance that says which notices AWS has given it.
	SpotUnit = "macaw-spot.service"
	// SpotPath is where it answers with [SpotNotices], at the node's management address and AgentPort.
	SpotPath = "/spot"
)

// Computes is the configuration of ComputesUnit.
type Computes struct {
	// Spot has the address of each Spot Instance's SpotUnit, by the node's name.
	Spot map[string]netip.AddrPort `json:"spot"`
	// Evacuate lets it evacuate nodes whose instance has ended; nil: it does not.
	Evacuate *Evacuate `json:"evacuate,omitempty"`
}

// Evacuate is where the controller asks whether the instance of a compute node that Nova calls down has ended.
type Evacuate struct {
	Region string `json:"region"` // AWS's
	Cloud  string `json:"cloud"`  // name, as in the tag macaw:cloud
}

// SpotNotices are AWS's notices to a Spot Instance.
type SpotNotices struct {
	Interruption *Interruption `json:"interruption,omitempty"` // nil: none
	// Rebalance is when AWS has recommended to move elsewhere, because the risk of an interruption is higher; zero:
	// it has not.
	Rebalance time.Time `json:"rebalance,omitzero"`
}

// Interruption is the notice of a Spot Instance's end. Its JSON is that of instance metadata.
type Interruption struct {
	Action string    `json:"action"` // terminate, stop or hibernate
	Time   time.Time `json:"time"`
}

// SPDX-License-Identifier: Apache-2.0

package nodeapi

// GatewaysConfig is the configuration of the controller's unit macaw-gateways: a JSON object with the address of
// each gateway node's agent, by the node's name.
const GatewaysConfig = "/etc/macaw/gateways.json"

// GatewaysUnit is the unit that decides which gateway has which router.
const GatewaysUnit = "macaw-gateways.service"

// The files by which a node gets in at OVN's databases: its certificate, its key, and the authorities of theirs.
const (
	OVNCertificate = "/etc/macaw/tls/ovn.pem"
	OVNKey         = "/etc/macaw/tls/ovn.key"
	OVNAuthorities = "/etc/macaw/tls/ovn-authorities.pem"
)

// Gateways is where a cloud's routers are, and where they may be.
type Gateways struct {
	Gateways []GatewayNode   `json:"gateways"`
	Routers  []GatewayRouter `json:"routers"`
}

// GatewayNode is what the controller knows of a gateway node.
type GatewayNode struct {
	Name      string `json:"name"`
	Reachable bool   `json:"reachable"`         // its management address answers
	Unfit     string `json:"unfit,omitempty"`   // why routers are better off elsewhere although it answers
	Drained   bool   `json:"drained,omitempty"` // it is to have no router
	Routers   int    `json:"routers"`           // that it has
}

// GatewayRouter is where a router is.
type GatewayRouter struct {
	ID   string `json:"id"`             // in Neutron
	Name string `json:"name,omitempty"` // likewise; it may have none
	// Node has it; empty: none.
	Node string `json:"node"`
	// Order are the nodes that may have it, the first choice first.
	Order []string `json:"order"`
}

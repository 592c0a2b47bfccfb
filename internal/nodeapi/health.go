// SPDX-License-Identifier: Apache-2.0

package nodeapi

// HealthPath is where a gateway's agent answers with its [Health], beside its metrics.
const HealthPath = "/health"

// ReadyPath is where it answers once AWS has all addresses of a router's gateway on the node that the gateway is
// about to move to: with 204, or with 503 after some seconds. The query's parameter [ReadyGateway] is the ID of the
// gateway's port in Neutron.
const ReadyPath, ReadyGateway = "/ready", "gateway"

// Health is what a gateway's agent says of its node to the controller, several times a second.
type Health struct {
	// Provider is why nothing passes between the node and its provider subnet. Empty: it does, or there is no sign
	// yet that it does not.
	Provider string `json:"provider,omitempty"`
	// Tunnels are the nodes whose tunnels are up, by BFD; nil: not known.
	Tunnels []string `json:"tunnels"`
}

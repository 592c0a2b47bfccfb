// SPDX-License-Identifier: Apache-2.0

package nodeapi

// Where things are on a node.
const (
	// Program is the node's program, with the commands agent, status, on, off, agree,
	// apply, install and generalize.
	Program = "/usr/local/bin/macaw-node"
	// SpecPath is what apply makes the node of.
	SpecPath = "/etc/macaw/node.json"
	// AgentUnit is the unit that the agent runs as.
	AgentUnit = "macaw-agent.service"
	// AgentConfig is the agent's configuration.
	AgentConfig = "/etc/macaw/agent.json"
	// AgentAuth is where the agent finds how to reach Neutron: a JSON object with the
	// fields of neutron.Auth, which only root may read.
	AgentAuth = "/etc/macaw/agent-auth.json"
	// StateFile has what the agent knew last, for the next boot.
	StateFile = "/var/lib/macaw/translation.json"
	// CloudsYAML has the administrator's way in, on the controller.
	CloudsYAML = "/etc/macaw/clouds.yaml"
)

// Spec is everything that a node is made from; it holds no secret.
type Spec struct {
	OpenStack OpenStack `json:"openstack"`
	// Agent is the agent's configuration, on a gateway node.
	Agent Agent `json:"agent"`
}

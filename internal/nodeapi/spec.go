// SPDX-License-Identifier: Apache-2.0

package nodeapi

// Paths and units on a node.
const (
	// Program is macaw-node, with the commands agent, status, on, off, agree, apply, install, generalize,
	// secrets and forget.
	Program = "/usr/local/bin/macaw-node"
	// RemovalReason is why a compute node takes no new guests that macaw up is about to remove, as Nova shows it.
	// If up fails and the file has the node again, the controller lets it take guests.
	RemovalReason = "macaw up removes this node"
	// SpecPath has the Spec that apply reads.
	SpecPath = "/etc/macaw/node.json"
	// AgentUnit is the agent's unit.
	AgentUnit = "macaw-agent.service"
	// AgentConfig is the agent's configuration.
	AgentConfig = "/etc/macaw/agent.json"
	// AgentAuth has the agent's Neutron credentials: a JSON object with the fields of neutron.Auth,
	// which only root may read.
	AgentAuth = "/etc/macaw/agent-auth.json"
	// StateFile has the agent's last known map, for the next boot.
	StateFile = "/var/lib/macaw/translation.json"
	// Issuer has the certificate authority that issues the node's own certificates: its chain, up to
	// the cloud's root, and its key. macaw writes it; only root may read it.
	Issuer = "/etc/macaw/tls/issuer.pem"
	// Authority has the certificate of the cloud's root authority.
	Authority = "/etc/macaw/tls/authority.pem"
	// DomainCertificate has a certificate for the cloud's domain from another authority, with its
	// chain and its key. Only root may read it.
	DomainCertificate = "/etc/macaw/tls/public/domain.pem"
	// ACMEAuthority has the certificates to trust the ACME server's API by, if they are not the
	// system's.
	ACMEAuthority = "/etc/macaw/tls/acme-authority.pem"
	// Secrets has the cloud's secrets, on the controller; on another node, the part that "macaw-node
	// secrets" on the controller prints for its roles. Only root may read it.
	Secrets = "/etc/macaw/secrets.json"
	// CloudsYAML has the administrator's credentials, on the controller.
	CloudsYAML = "/etc/macaw/clouds.yaml"
)

// Spec is the complete description of a node; it holds no secret.
type Spec struct {
	OpenStack OpenStack `json:"openstack"`
	// Agent is the agent's configuration, on a gateway node.
	Agent Agent `json:"agent"`
}

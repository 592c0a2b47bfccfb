// SPDX-License-Identifier: Apache-2.0

package nodeapi

import (
	"net/netip"

	"macaw.example/internal/model"
	"macaw.example/internal/neutron"
)

// Agent is the configuration of a gateway node's agent.
type Agent struct {
	Cloud    string   `json:"cloud"`    // name, as in the tag macaw:cloud
	Node     string   `json:"node"`     // this node's name in the cloud file, and in Neutron (binding:host_id)
	Gateways []string `json:"gateways"` // names of all gateway nodes; the first takes addresses that are on no node

	Region       string `json:"region"`
	Instance     string `json:"instance"`      // i-...
	InstanceType string `json:"instance_type"` // such as m8i.2xlarge
	SubnetID     string `json:"subnet_id"`     // the provider subnet, subnet-...
	// Policy is the source of Elastic IPs, unless a floating IP's tag overrides it.
	Policy       model.ElasticIPPolicy `json:"policy"`
	Pool         []string              `json:"pool"`          // allocation IDs of the policy pool
	ReleaseAfter model.Wait            `json:"release_after"` // of many at once; missing: ReleaseAfter
	// Range are Neutron's addresses; no others are ever registered or translated.
	Range []netip.Prefix `json:"range"`

	NICMAC  model.MAC    `json:"nic_mac"` // the first provider NIC's, as AWS gave it
	Primary netip.Addr   `json:"primary"` // the first provider ENI's primary address
	Subnet  netip.Prefix `json:"subnet"`  // the provider subnet's IPv4 block
	// VPC are the VPC's blocks: routers and guests send from no address in them except Range's.
	VPC     []netip.Prefix `json:"vpc"`
	Network string         `json:"network"` // name of Neutron's external network
	Pair    []string       `json:"pair"`    // veth pair, the host's end first; empty: mcw0, mcw1
	PinDir  string         `json:"pin_dir"` // empty: package translate's default
	State   string         `json:"state"`   // the last known map; empty: StateFile
	Metrics netip.AddrPort `json:"metrics"` // where metrics are served; zero: nowhere

	// Southbound is OVN's southbound database, which says which gateway has a router; nil: this is the only gateway.
	Southbound *Database `json:"southbound,omitempty"`

	AuthFile    string        `json:"auth_file"`   // JSON file with the credentials; or
	Auth        *neutron.Auth `json:"auth"`        // the credentials themselves
	Distributed bool          `json:"distributed"` // floating IPs are distributed, see neutron.Provider
}

// Database is where a database of OVN answers, and how to get in.
type Database struct {
	Endpoint string `json:"endpoint"` // ssl:ADDRESS:PORT
	// Files with the node's certificate, its key, and the authorities of the database's certificate.
	Certificate string `json:"certificate"`
	Key         string `json:"key"`
	Authorities string `json:"authorities"`
}

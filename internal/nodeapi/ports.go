// SPDX-License-Identifier: Apache-2.0

package nodeapi

// The TCP ports at which nodes of a cloud serve each other, at their management addresses. Security groups open them,
// and docs/security.md lists them. The templates of package node name them too, and a test compares.
const (
	SSHPort          = 22
	MariaDBPort      = 3306
	KeystonePort     = 5000
	RabbitMQPort     = 5672
	NorthboundPort   = 6641 // OVN's databases (ovn-nbctl(8), ovn-sbctl(8))
	SouthboundPort   = 6642
	NovaPort         = 8774
	NovaMetadataPort = 8775
	PlacementPort    = 8778
	GlancePort       = 9292
	AgentPort        = 9478 // of a gateway's agent: metrics and health
	NeutronPort      = 9696
	MemcachedPort    = 11211
	LibvirtPort      = 16514
	DisksPort        = 16522 // SSH for the disks of stopped guests that move to another node
)

// GenevePort is that of the tunnels between nodes, over UDP (RFC 8926).
const GenevePort = 6081

// The guests' displays (QEMU's VNC), and the migration of guests (QEMU's, as libvirt chooses them) have ranges.
const (
	DisplayPortFirst, DisplayPortLast     = 5900, 6923
	MigrationPortFirst, MigrationPortLast = 49152, 49215
)

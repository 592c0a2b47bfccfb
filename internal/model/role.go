// SPDX-License-Identifier: Apache-2.0

package model

// Role is a node's role in its cloud.
type Role string

// The roles of a node. It may have several; an all-in-one node has all.
const (
	Controller Role = "controller" // APIs, databases, dashboard
	Compute    Role = "compute"    // guests
	Gateway    Role = "gateway"    // routers and floating IPs
)

// Roles returns every role.
func Roles() []Role { return []Role{Controller, Compute, Gateway} }

// SPDX-License-Identifier: Apache-2.0

package nodeapi

import (
	"macaw.example/internal/model"
	"macaw.example/internal/neutron"
)

// Overview is what only a cloud's controller knows of the cloud, as its answer to one question of macaw status.
type Overview struct {
	// Owners are the names of what has addresses of the external network, such as "server web-1", by the IDs of
	// routers, floating IPs and ports.
	Owners map[string]string `json:"owners,omitempty"`
	// Drained are nodes that take no guests, or no routers.
	Drained []Drained `json:"drained"`
	// Unknown is why something of this is not known; empty if all is.
	Unknown string `json:"unknown,omitempty"`
}

// Drained is a node that takes nothing new.
type Drained struct {
	Node   string     `json:"node"`
	Role   model.Role `json:"role"`             // compute: it takes no guests; gateway: no routers
	Reason string     `json:"reason,omitempty"` // as Nova has it; empty if none was given
}

// SetOwners sets the names of what has the report's addresses. Names that are not among them stay as they are.
func (r *Report) SetOwners(owners map[string]string) {
	for i := range r.Addresses {
		a := &r.Addresses[i]
		id := a.ID
		if a.Kind == neutron.KindRouter {
			id = a.Router
		}
		if name := owners[id]; name != "" {
			a.Name = name
		}
	}
}

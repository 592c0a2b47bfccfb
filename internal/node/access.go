// SPDX-License-Identifier: Apache-2.0

package node

import (
	"macaw.example/internal/model"
	"macaw.example/internal/nodeapi"
)

// adminAccess are the administrator's keys to the cloud, for the commands of its operator.
var adminAccess = service{
	name:  "admin-access",
	roles: []model.Role{model.Controller},
	files: []configFile{
		{template: "admin-openrc", path: "/etc/macaw/admin-openrc", private: true},
		{template: "clouds.yaml", path: "/etc/macaw/clouds.yaml", private: true},
	},
}

// agentAccess are the keys of the agent to Neutron.
var agentAccess = service{
	name:  "agent-access",
	roles: []model.Role{model.Gateway},
	files: []configFile{
		{template: "agent-auth.json", path: nodeapi.AgentAuth, private: true},
	},
}

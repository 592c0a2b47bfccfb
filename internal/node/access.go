// SPDX-License-Identifier: Apache-2.0

package node

import (
	"macaw.example/internal/model"
	"macaw.example/internal/nodeapi"
)

// adminAccess has the administrator's credentials, for the operator's commands.
var adminAccess = service{
	name:  "admin-access",
	roles: []model.Role{model.Controller},
	files: []configFile{
		{template: "admin-openrc", path: "/etc/macaw/admin-openrc", private: true},
		{template: "clouds.yaml", path: "/etc/macaw/clouds.yaml", private: true},
	},
}

// agentAccess has the agent's credentials for Neutron.
var agentAccess = service{
	name:  "agent-access",
	roles: []model.Role{model.Gateway},
	files: []configFile{
		{template: "agent-auth.json", path: nodeapi.AgentAuth, private: true},
	},
}

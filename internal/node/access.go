package node

import "macaw.example/internal/model"

// adminAccess are the administrator's keys to the cloud, for the commands of its operator.
var adminAccess = service{
	name:  "admin-access",
	roles: []model.Role{model.Controller},
	files: []configFile{
		{template: "admin-openrc", path: "/etc/macaw/admin-openrc", private: true},
		{template: "clouds.yaml", path: "/etc/macaw/clouds.yaml", private: true},
	},
}

// GatewayAuthPath is where the gateway agent finds how to reach Neutron: a JSON object with auth_url, username,
// password, user_domain_name, project_name, project_domain_name, region_name and interface. Only root may read it.
const GatewayAuthPath = "/etc/macaw/gateway-auth.json"

var gatewayAccess = service{
	name:  "gateway-access",
	roles: []model.Role{model.Gateway},
	files: []configFile{
		{template: "gateway-auth.json", path: GatewayAuthPath, private: true},
	},
}

package openstack

// gatewayAuthPath is where the gateway agent finds how to reach Neutron.
const gatewayAuthPath = "/etc/macaw/gateway-auth.json"

var access = service{
	name:  "access",
	roles: []Role{Controller, Gateway},
	files: []configFile{
		{template: "admin-openrc", path: "/etc/macaw/admin-openrc", private: true},
		{template: "clouds.yaml", path: "/etc/macaw/clouds.yaml", private: true},
		{template: "gateway-auth.json", path: gatewayAuthPath, private: true},
	},
}

package openstack

var ovnCentral = service{
	name:  "ovn-central",
	roles: []Role{Controller},
	files: []configFile{
		{template: "ovn-central", path: "/etc/default/ovn-central", readers: []string{
			"ovn-ovsdb-server-nb.service", "ovn-ovsdb-server-sb.service",
		}},
	},
	units: []string{"ovn-ovsdb-server-nb.service", "ovn-ovsdb-server-sb.service", "ovn-northd.service", "ovn-central.service"},
}

var ovnHost = service{
	name:  "ovn-host",
	roles: []Role{Compute, Gateway},
	units: []string{"ovn-controller.service", "ovn-host.service"},
	// OVN announces addresses when it starts; the way out has to translate by then.
	after: []string{"macaw-agent.service"},
}

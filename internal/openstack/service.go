package openstack

import "slices"

// service is one daemon, or a few that belong together, as data: what is written for it and what runs.
type service struct {
	name  string
	roles []Role // nodes with any of them run it
	files []configFile
	units []string // started in this order; a reboot brings them back
	api   []api    // those of its units that uWSGI runs
	after []string // units that start before its own when the node boots

	python bool   // its units find their plugins by way of Stevedore's cache
	unit   string // the template of a unit that Debian lacks
}

// configFile is a template among files/ and the place of what it becomes.
type configFile struct {
	template string
	path     string
	group    string // may read the file; everybody if empty
	private  bool   // only root may read it
	readers  []string
}

// api is a service that uWSGI runs.
type api struct {
	Unit    string // without ".service"
	Project string // user, and directory below /var/lib and /var/log
	Port    int
	WSGI    string
	Threads int
	Args    string
}

// services are all that a cloud consists of.
var services = []service{
	mariadb, rabbitmq, memcached,
	openvswitch, ovnCentral, ovnHost,
	keystone, glance, placement,
	novaAPI, novaConductor, novaScheduler, novaMetadata, novaConsole, novaCompute, libvirt,
	neutron, neutronMaintenance, neutronMetadata,
	dashboard, access,
}

// onNode are the services that a node with these roles runs.
func onNode(s Spec) []service {
	var on []service
	for _, svc := range services {
		if slices.ContainsFunc(svc.roles, s.Has) {
			on = append(on, svc)
		}
	}
	return on
}

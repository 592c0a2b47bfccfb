// SPDX-License-Identifier: Apache-2.0

package node

import (
	"slices"

	"macaw.example/internal/model"
	"macaw.example/internal/nodeapi"
)

// service describes one daemon, or a few that belong together: its files, packages and units.
type service struct {
	name  string
	roles []model.Role                 // nodes with any of them run it
	when  func(nodeapi.OpenStack) bool // and only if this is true; nil: always
	files []configFile
	units []string // started in this order, also at boot
	api   []api    // those of its units that uWSGI runs
	after []string // units that start before its own when the node boots

	python  bool         // its units run OpenStack's own code
	own     bool         // its units run macaw-node, not only once
	systemd []configFile // units that Debian lacks, and drop-ins for its own
}

// configFile is a template below files/ with the path of the result.
type configFile struct {
	template string
	path     string
	group    string // may read the file; everybody if empty
	private  bool   // only root may read it
	program  bool   // executable
	readers  []string
}

// api is a service that uWSGI runs.
type api struct {
	Unit    string // without ".service"
	Project string // user, and directory below /var/lib and /var/log
	Port    int
	WSGI    string
	Threads int
	Args    string // for the program, separate from uWSGI's own
	Env     string
}

// services are all services of a cloud.
var services = []service{
	instanceMetadata, certificates, nat,
	mariadb, rabbitmq, memcached,
	tunnels, openvswitch, ovnCentral, ovnHost, gatewayKeeper, computeKeeper, spotReport,
	keystone, glance, placement,
	novaAPI, novaConductor, novaScheduler, novaMetadata, novaConsole, novaCompute, libvirt,
	libvirtTLS, disks,
	neutronAPI, neutronMaintenance, neutronMetadata,
	dashboard, haproxy, adminAccess, agentAccess,
}

// on reports whether a node runs the service.
func (svc service) on(s nodeapi.OpenStack) bool {
	return slices.ContainsFunc(svc.roles, s.Has) && (svc.when == nil || svc.when(s))
}

// onNode returns the services that a node with these roles runs.
func onNode(s nodeapi.OpenStack) []service {
	var on []service
	for _, svc := range services {
		if svc.on(s) {
			on = append(on, svc)
		}
	}
	return on
}

// unitsOf returns the units of services, in the order of their start.
func unitsOf(services []service) []string {
	var units []string
	for _, svc := range services {
		units = append(units, svc.units...)
	}
	return units
}

// programs are what units on a node run that nothing else restarts when another version of it is installed: a package
// upgrade leaves OpenStack's units alone, since the package step keeps Debian's scripts from restarting them, and
// macaw-node comes in no package.
func programs(s nodeapi.OpenStack) []file {
	python, own := file{Path: schemaStamp}, file{Path: nodeapi.Program}
	for _, svc := range onNode(s) {
		if svc.python {
			python.Readers = append(python.Readers, svc.units...)
		}
		if svc.own {
			own.Readers = append(own.Readers, svc.units...)
		}
	}
	return []file{python, own}
}

// SPDX-License-Identifier: Apache-2.0

package node

import (
	"slices"
	"strings"

	"macaw.example/internal/model"
	"macaw.example/internal/nodeapi"
)

// neutronAfter are the units that Neutron's API starts after at boot.
var neutronAfter = []string{"mariadb.service", "memcached.service", "keystone.service", "ovn-ovsdb-server-nb.service",
	"ovn-ovsdb-server-sb.service"}

func neutronConf(readers ...string) configFile {
	return configFile{template: "neutron.conf", path: "/etc/neutron/neutron.conf", group: "neutron", readers: readers}
}

// neutronServer has the sections of neutron.conf for services that only a controller runs: other
// nodes must not have the database's password. The last line is empty, as between all sections.
func neutronServer(s nodeapi.OpenStack, sec secrets) string {
	if !s.Has(model.Controller) {
		return ""
	}
	return strings.Join([]string{
		"[database]",
		"connection = " + databaseURL(s, sec, "neutron", "neutron"),
		"",
		"[keystone_authtoken]",
		authtoken(s, sec, "neutron"),
		"",
		"[nova]",
		auth(s, sec, "nova"),
		// The default is public, which leaves and re-enters through the Internet gateway, where the
		// node is not admitted.
		"endpoint_type = internal",
		"",
	}, "\n")
}

func ml2Conf(readers ...string) configFile {
	return configFile{template: "ml2_conf.ini", path: "/etc/neutron/plugins/ml2/ml2_conf.ini", group: "neutron",
		readers: readers}
}

var neutronAPI = service{
	name:  "neutron",
	roles: []model.Role{model.Controller},
	files: []configFile{
		neutronConf("neutron-api.service"),
		ml2Conf("neutron-api.service"),
		{template: "neutron-policy.yaml", path: "/etc/neutron/policy.d/macaw.yaml", readers: []string{"neutron-api.service"}},
	},
	units: []string{"neutron-api.service"},
	api: []api{{
		Unit: "neutron-api", Project: "neutron", Port: nodeapi.NeutronPort, Threads: 1, WSGI: "/usr/bin/neutron-api",
		Args: "--config-file=/etc/neutron/neutron.conf --config-file=/etc/neutron/plugins/ml2/ml2_conf.ini",
	}},
	after:  neutronAfter,
	python: true,
}

var neutronMaintenance = service{
	name:  "neutron-maintenance",
	roles: []model.Role{model.Controller},
	files: []configFile{
		neutronConf("neutron-ovn-maintenance-worker.service"),
		ml2Conf("neutron-ovn-maintenance-worker.service"),
	},
	units: []string{"neutron-ovn-maintenance-worker.service"},
	systemd: []configFile{{
		template: "neutron-ovn-maintenance-worker.service",
		path:     "/etc/systemd/system/neutron-ovn-maintenance-worker.service",
		readers:  []string{"neutron-ovn-maintenance-worker.service"},
	}},
	after:  append(slices.Clone(neutronAfter), "rabbitmq-server.service", "neutron-api.service"),
	python: true,
}

var neutronMetadata = service{
	name:  "neutron-metadata",
	roles: []model.Role{model.Compute},
	files: []configFile{
		neutronConf("neutron-ovn-metadata-agent.service"),
		{template: "neutron_ovn_metadata_agent.ini", path: "/etc/neutron/neutron_ovn_metadata_agent.ini", group: "neutron",
			readers: []string{"neutron-ovn-metadata-agent.service"}},
	},
	units:  []string{"neutron-ovn-metadata-agent.service"},
	after:  []string{"openvswitch-switch.service", "ovn-controller.service"},
	python: true,
}

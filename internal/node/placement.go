// SPDX-License-Identifier: Apache-2.0

package node

import (
	"macaw.example/internal/model"
	"macaw.example/internal/nodeapi"
)

var placement = service{
	name:  "placement",
	roles: []model.Role{model.Controller},
	files: []configFile{
		{template: "placement.conf", path: "/etc/placement/placement.conf", group: "placement",
			readers: []string{"placement-api.service"}},
	},
	units: []string{"placement-api.service"},
	api: []api{{
		Unit: "placement-api", Project: "placement", Port: nodeapi.PlacementPort, Threads: 4, WSGI: "/usr/bin/placement-api",
	}},
	after:  []string{"mariadb.service", "memcached.service", "keystone.service"},
	python: true,
}

// SPDX-License-Identifier: Apache-2.0

package node

import (
	"macaw.example/internal/model"
	"macaw.example/internal/nodeapi"
)

var keystone = service{
	name:  "keystone",
	roles: []model.Role{model.Controller},
	files: []configFile{
		{template: "keystone.conf", path: "/etc/keystone/keystone.conf", group: "keystone",
			readers: []string{"keystone.service"}},
	},
	units: []string{"keystone.service"},
	api: []api{{
		Unit: "keystone", Project: "keystone", Port: nodeapi.KeystonePort, Threads: 8, WSGI: "/usr/bin/keystone-wsgi-public",
	}},
	after:  []string{"mariadb.service", "memcached.service"},
	python: true,
}

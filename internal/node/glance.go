// SPDX-License-Identifier: Apache-2.0

package node

import "macaw.example/internal/model"

var glance = service{
	name:  "glance",
	roles: []model.Role{model.Controller},
	files: []configFile{
		{template: "glance-api.conf", path: "/etc/glance/glance-api.conf", group: "glance",
			readers: []string{"glance-api.service"}},
	},
	// Debian runs it without uWSGI, whose chunked uploads it cannot read.
	units: []string{"glance-api.service"},
	systemd: []configFile{{
		template: "glance-api.service", path: "/etc/systemd/system/glance-api.service",
		readers: []string{"glance-api.service"},
	}},
	after:  []string{"mariadb.service", "memcached.service", "keystone.service"},
	python: true,
}

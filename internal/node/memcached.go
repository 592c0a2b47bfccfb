// SPDX-License-Identifier: Apache-2.0

package node

import "macaw.example/internal/model"

var memcached = service{
	name:  "memcached",
	roles: []model.Role{model.Controller},
	files: []configFile{
		{template: "memcached.conf", path: "/etc/memcached.conf", readers: []string{"memcached.service"}},
	},
	units: []string{"memcached.service"},
}

// SPDX-License-Identifier: Apache-2.0

package node

import (
	"net/netip"

	"macaw.example/internal/model"
)

// dashboardAt is where Apache serves the dashboard to HAProxy.
var dashboardAt = netip.MustParseAddrPort("127.0.0.1:8080")

var dashboard = service{
	name:  "dashboard",
	roles: []model.Role{model.Controller},
	files: []configFile{
		{template: "dashboard.py", path: "/etc/openstack-dashboard/local_settings.d/90_macaw.py", group: "www-data",
			readers: []string{"apache2.service"}},
		{template: "dashboard.conf", path: "/etc/apache2/sites-enabled/macaw-dashboard.conf",
			readers: []string{"apache2.service"}},
		{template: "apache-ports.conf", path: "/etc/apache2/ports.conf", readers: []string{"apache2.service"}},
	},
	units: []string{"apache2.service"},
	after: []string{"memcached.service", "keystone.service"},
}

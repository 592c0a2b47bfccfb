// SPDX-License-Identifier: Apache-2.0

package node

import "macaw.example/internal/model"

// haproxy serves the APIs, the dashboard and the consoles to everybody outside, by TLS.
var haproxy = service{
	name:  "haproxy",
	roles: []model.Role{model.Controller},
	files: []configFile{
		{template: "haproxy.cfg", path: "/etc/haproxy/haproxy.cfg", readers: []string{haproxyUnit}},
	},
	units: []string{haproxyUnit},
}

const haproxyUnit = "haproxy.service"

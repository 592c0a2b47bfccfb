// SPDX-License-Identifier: Apache-2.0

package node

import "macaw.example/internal/model"

var rabbitmq = service{
	name:  "rabbitmq",
	roles: []model.Role{model.Controller},
	files: []configFile{
		{template: "rabbitmq.conf", path: "/etc/rabbitmq/rabbitmq.conf", group: "rabbitmq",
			readers: []string{"rabbitmq-server.service"}},
		{template: "rabbitmq-env.conf", path: "/etc/rabbitmq/rabbitmq-env.conf",
			readers: []string{"rabbitmq-server.service"}},
	},
	units:   []string{"rabbitmq-server.service"},
	systemd: []configFile{{template: "epmd.conf", path: "/etc/systemd/system/epmd.socket.d/macaw.conf"}},
}

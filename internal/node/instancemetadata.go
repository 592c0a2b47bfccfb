// SPDX-License-Identifier: Apache-2.0

package node

import "macaw.example/internal/model"

// instanceMetadata denies the credentials of the instance's role to everybody on the node but root:
// a daemon that serves the network, such as Apache or an API, may be exploited.
var instanceMetadata = service{
	name:  "instance-metadata",
	roles: []model.Role{model.Controller, model.Compute, model.Gateway},
	files: []configFile{
		{template: "instance-metadata.nft", path: "/etc/macaw/instance-metadata.nft",
			readers: []string{"macaw-instance-metadata.service"}},
	},
	units: []string{"macaw-instance-metadata.service"},
	systemd: []configFile{{
		template: "macaw-instance-metadata.service",
		path:     "/etc/systemd/system/macaw-instance-metadata.service",
		readers:  []string{"macaw-instance-metadata.service"},
	}},
}

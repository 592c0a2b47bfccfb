// SPDX-License-Identifier: Apache-2.0

package node

import "macaw.example/internal/model"

// instanceMetadata keeps the credentials of the instance's role from everybody on the node but root: a daemon
// that faces the network, such as Apache or an API, may one day do what its caller wants.
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

// SPDX-License-Identifier: Apache-2.0

package node

import (
	"encoding/json"
	"net/netip"

	"macaw.example/internal/model"
	"macaw.example/internal/nodeapi"
)

// gatewayKeeper decides which of several gateways has which router, see package gateways. It also runs where only one
// is left: routers leave the other one before its instance is destroyed.
var gatewayKeeper = service{
	name:  "gateways",
	roles: []model.Role{model.Controller},
	when:  func(s nodeapi.OpenStack) bool { return len(s.Nodes) > 1 },
	files: []configFile{{template: "gateways.json", path: nodeapi.GatewaysConfig, readers: []string{gatewayKeeperUnit}}},
	units: []string{gatewayKeeperUnit},
	own:   true,
	after: []string{"ovn-central.service"},
	systemd: []configFile{{
		template: gatewayKeeperUnit, path: "/etc/systemd/system/" + gatewayKeeperUnit, readers: []string{gatewayKeeperUnit},
	}},
}

const gatewayKeeperUnit = nodeapi.GatewaysUnit

// gatewayTags has the address of each gateway's agent.
func gatewayTags(s nodeapi.OpenStack) tags {
	agents := make(map[string]netip.AddrPort)
	for _, p := range s.Peers(model.Gateway) {
		agents[p.Name] = netip.AddrPortFrom(p.Address, nodeapi.AgentPort)
	}
	text, err := json.Marshal(agents)
	if err != nil {
		panic(err) // names and addresses have a text
	}
	return tags{"gateway-agents": string(text)}
}

// SPDX-License-Identifier: Apache-2.0

package node

import (
	"encoding/json"
	"net/netip"

	"macaw.example/internal/model"
	"macaw.example/internal/neutron"
	"macaw.example/internal/nodeapi"
)

// computeKeeper empties compute nodes that AWS takes away, and evacuates those that have died, see package computes.
var computeKeeper = service{
	name:  "computes",
	roles: []model.Role{model.Controller},
	when:  func(s nodeapi.OpenStack) bool { return s.Evacuate != nil || len(spotNodes(s)) > 0 },
	files: []configFile{{template: "computes.json", path: nodeapi.ComputesConfig, readers: []string{computeKeeperUnit}}},
	units: []string{computeKeeperUnit},
	own:   true,
	systemd: []configFile{{
		template: computeKeeperUnit, path: "/etc/systemd/system/" + computeKeeperUnit, readers: []string{computeKeeperUnit},
	}},
}

// spotReport tells the controller which notices AWS has given this Spot Instance, see package spot.
var spotReport = service{
	name:  "spot",
	roles: []model.Role{model.Compute},
	when:  func(s nodeapi.OpenStack) bool { return s.Spot },
	units: []string{spotReportUnit},
	own:   true,
	systemd: []configFile{{
		template: spotReportUnit, path: "/etc/systemd/system/" + spotReportUnit, readers: []string{spotReportUnit},
	}},
}

const (
	computeKeeperUnit = nodeapi.ComputesUnit
	spotReportUnit    = nodeapi.SpotUnit
)

func spotNodes(s nodeapi.OpenStack) (with []nodeapi.Peer) {
	for _, p := range s.Peers(model.Compute) {
		if p.Spot {
			with = append(with, p)
		}
	}
	return with
}

// keeperTags has the configuration of the controller's unit for compute nodes.
func keeperTags(s nodeapi.OpenStack) tags {
	c := nodeapi.Computes{Spot: map[string]netip.AddrPort{}, Evacuate: s.Evacuate}
	for _, p := range spotNodes(s) {
		c.Spot[p.Name] = netip.AddrPortFrom(p.Address, nodeapi.AgentPort)
	}
	text, err := json.Marshal(c)
	if err != nil {
		panic(err) // names and addresses have a text
	}
	return tags{"compute-keeper": string(text)}
}

// AdminAuth is the login of the cloud's administrator, on its controller.
func AdminAuth(s nodeapi.OpenStack) (neutron.Auth, error) {
	sec, err := readSecrets("/")
	return adminAuth(keystoneURL(s), s.Region, sec.Admin), err
}

func adminAuth(keystone, region, password string) neutron.Auth {
	return neutron.Auth{
		URL: keystone, User: "admin", Password: password, Project: "admin", Region: region, Interface: "internal",
	}
}

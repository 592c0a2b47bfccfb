// SPDX-License-Identifier: Apache-2.0

package ovn

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ovn-kubernetes/libovsdb/client"
	"github.com/ovn-kubernetes/libovsdb/model"
	"github.com/ovn-kubernetes/libovsdb/ovsdb"
)

// Rows of the southbound database, with the columns that are used. The library also needs those of
// a table's indexes.
type (
	portBinding struct {
		UUID           string            `ovsdb:"_uuid"`
		Datapath       string            `ovsdb:"datapath"`
		TunnelKey      int               `ovsdb:"tunnel_key"`
		LogicalPort    string            `ovsdb:"logical_port"`
		Type           string            `ovsdb:"type"`
		Chassis        *string           `ovsdb:"chassis"`
		HAChassisGroup *string           `ovsdb:"ha_chassis_group"`
		ExternalIDs    map[string]string `ovsdb:"external_ids"`
	}
	chassis struct {
		UUID string `ovsdb:"_uuid"`
		Name string `ovsdb:"name"`
	}
	haChassisGroup struct {
		UUID      string   `ovsdb:"_uuid"`
		Name      string   `ovsdb:"name"`
		HAChassis []string `ovsdb:"ha_chassis"`
	}
	haChassis struct {
		UUID     string  `ovsdb:"_uuid"`
		Chassis  *string `ovsdb:"chassis"`
		Priority int     `ovsdb:"priority"`
	}
)

func southbound() (model.ClientDBModel, error) {
	return model.NewClientDBModel("OVN_Southbound", map[string]model.Model{
		"Port_Binding": &portBinding{}, "Chassis": &chassis{}, "HA_Chassis_Group": &haChassisGroup{},
		"HA_Chassis": &haChassis{},
	})
}

// redirect is the type of the ports that stand for a router's gateway, wherever it is; their names are
// this prefix and the Neutron port's ID.
const redirect, redirectPrefix = "chassisredirect", "cr-lrp-"

// routerKey is where Neutron notes a router in its ports' rows, as "neutron-" and its ID.
const routerKey, routerPrefix = "neutron:router_name", "neutron-"

// nextKey is where the node is noted that a gateway is about to move to: in a router port's row of the northbound
// database, from which ovn-northd copies it to the southbound one.
const nextKey = "macaw:next-gateway"

// Gateway is where a router's gateway is.
type Gateway struct {
	Port   string // ID of the gateway port in Neutron
	Router string // ID of the router in Neutron
	Active string // the chassis that it is bound to; empty: none
	Next   string // the chassis that it is about to move to, as [Northbound.SetNext] has noted; empty: none
	// Candidates are the chassis that may have it and are in OVN, the first choice first. The first binds
	// it as soon as its tunnels are up, whatever the others do.
	Candidates []string
}

// Southbound is what the southbound database says about gateways.
type Southbound struct {
	Gateways []Gateway
	Chassis  []string // names of all chassis
}

// WatchGateways calls changed with the state of the southbound database whenever it has changed, the first
// time at once. It returns when ctx is done or the connection is lost: what it said last may then be wrong.
func WatchGateways(ctx context.Context, r Remote, changed func(Southbound)) error {
	rows, err := southbound()
	if err != nil {
		return err
	}
	p, n, g, m := &portBinding{}, &chassis{}, &haChassisGroup{}, &haChassis{}
	redirects := []model.Condition{{Field: &p.Type, Function: ovsdb.ConditionEqual, Value: redirect}}
	tables := []client.MonitorOption{
		client.WithConditionalTable(p, redirects, &p.Datapath, &p.TunnelKey, &p.LogicalPort, &p.Type, &p.Chassis,
			&p.HAChassisGroup, &p.ExternalIDs),
		client.WithTable(n, &n.Name), client.WithTable(g, &g.Name, &g.HAChassis),
		client.WithTable(m, &m.Chassis, &m.Priority),
	}
	read := func(c client.Client) (Southbound, error) { return listGateways(ctx, c) }
	return watch(ctx, r, rows, tables, read, Southbound.equal, func(_ client.Client, now Southbound) { changed(now) })
}

func (s Southbound) equal(o Southbound) bool {
	return slices.Equal(s.Chassis, o.Chassis) && slices.EqualFunc(s.Gateways, o.Gateways, Gateway.equal)
}

func (g Gateway) equal(o Gateway) bool {
	return g.Port == o.Port && g.Router == o.Router && g.Active == o.Active && g.Next == o.Next &&
		slices.Equal(g.Candidates, o.Candidates)
}

func listGateways(ctx context.Context, c client.Client) (all Southbound, err error) {
	var (
		bindings []portBinding
		nodes    []chassis
		groups   []haChassisGroup
		members  []haChassis
	)
	for _, table := range []any{&bindings, &nodes, &groups, &members} {
		if err := c.List(ctx, table); err != nil {
			return all, fmt.Errorf("reading OVN's southbound database: %w", err)
		}
	}
	names := make(map[string]string)
	for _, n := range nodes {
		names[n.UUID] = n.Name
		all.Chassis = append(all.Chassis, n.Name)
	}
	slices.Sort(all.Chassis)
	candidates := make(map[string][]string) // by group
	for _, g := range groups {
		candidates[g.UUID] = ordered(g, members, names)
	}
	for _, b := range bindings {
		port, ok := strings.CutPrefix(b.LogicalPort, redirectPrefix)
		if !ok {
			continue
		}
		g := Gateway{
			Port: port, Router: strings.TrimPrefix(b.ExternalIDs[routerKey], routerPrefix), Next: b.ExternalIDs[nextKey],
		}
		if b.Chassis != nil {
			g.Active = names[*b.Chassis]
		}
		if b.HAChassisGroup != nil {
			g.Candidates = candidates[*b.HAChassisGroup]
		}
		all.Gateways = append(all.Gateways, g)
	}
	slices.SortFunc(all.Gateways, func(a, b Gateway) int { return cmp.Compare(a.Port, b.Port) })
	return all, nil
}

// ordered are the names of a group's chassis, the highest priority first. One that has left OVN has none.
func ordered(g haChassisGroup, members []haChassis, names map[string]string) (all []string) {
	in := slices.DeleteFunc(slices.Clone(members), func(m haChassis) bool {
		return m.Chassis == nil || names[*m.Chassis] == "" || !slices.Contains(g.HAChassis, m.UUID)
	})
	slices.SortFunc(in, func(a, b haChassis) int { return cmp.Compare(b.Priority, a.Priority) })
	for _, m := range in {
		all = append(all, names[*m.Chassis])
	}
	return all
}

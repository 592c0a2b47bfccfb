// SPDX-License-Identifier: Apache-2.0

package ovn

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ovn-kubernetes/libovsdb/client"
	"github.com/ovn-kubernetes/libovsdb/model"
	"github.com/ovn-kubernetes/libovsdb/ovsdb"
)

// Rows of the northbound database, with the columns that are used.
type (
	router struct {
		UUID  string   `ovsdb:"_uuid"`
		Name  string   `ovsdb:"name"`
		Ports []string `ovsdb:"ports"`
	}
	routerPort struct {
		UUID           string            `ovsdb:"_uuid"`
		Name           string            `ovsdb:"name"`
		MAC            string            `ovsdb:"mac"`
		Networks       []string          `ovsdb:"networks"`
		GatewayChassis []string          `ovsdb:"gateway_chassis"`
		ExternalIDs    map[string]string `ovsdb:"external_ids"`
	}
	gatewayChassis struct {
		UUID        string `ovsdb:"_uuid"`
		Name        string `ovsdb:"name"`
		ChassisName string `ovsdb:"chassis_name"`
		Priority    int    `ovsdb:"priority"`
	}
	global struct {
		UUID        string            `ovsdb:"_uuid"`
		ExternalIDs map[string]string `ovsdb:"external_ids"`
	}
)

func northbound() (model.ClientDBModel, error) {
	return model.NewClientDBModel("OVN_Northbound", map[string]model.Model{
		"Logical_Router": &router{}, "Logical_Router_Port": &routerPort{}, "Gateway_Chassis": &gatewayChassis{},
		"NB_Global": &global{},
	})
}

// routerPortPrefix and the Neutron port's ID are the name of a router's port.
const routerPortPrefix = "lrp-"

// Order is which chassis may have a router's gateway, the first choice first.
type Order struct {
	Port    string // ID of the gateway port in Neutron
	Router  string // ID of the router in Neutron
	Chassis []string
	Next    string // see [Northbound.SetNext]; empty: nothing is noted
}

func (s State) equal(other State) bool {
	return slices.EqualFunc(s.Orders, other.Orders, Order.equal) && s.Wish.equal(other.Wish) &&
		slices.Equal(s.Mesh, other.Mesh)
}

func (o Order) equal(other Order) bool {
	return o.Port == other.Port && o.Router == other.Router && o.Next == other.Next &&
		slices.Equal(o.Chassis, other.Chassis)
}

// Wish is what operators want of gateways, kept in the northbound database.
type Wish struct {
	Drained []string // chassis that are to have no router, until this is taken back
	Prefer  string   // the chassis that all routers are to move to, once
	Spread  bool     // routers are to be spread over all chassis, once
}

func (w Wish) equal(other Wish) bool {
	return w.Prefer == other.Prefer && w.Spread == other.Spread && slices.Equal(w.Drained, other.Drained)
}

// Keys in NB_Global's external_ids. Names are separated by commas.
const (
	drainedKey = "macaw:drained-gateways"
	moveKey    = "macaw:move-gateways" // a chassis' name, or spread
	spread     = "*"                   // no name of a node
)

// State is what the northbound database says about gateways.
type State struct {
	Orders []Order // of all routers' gateways
	Wish   Wish
	// Mesh are the chassis that watch each other's tunnels (BFD) at all times. OVN has chassis do so as long as they are
	// candidates for one gateway. When a router gets its second candidate, the first would not see the second's tunnel for
	// a second, take itself for isolated, and let go of the router.
	Mesh []string
}

// Northbound is a connection to the northbound database.
type Northbound struct {
	c client.Client
}

// WatchOrders calls changed with the orders of all gateways, and what operators want, whenever one has changed,
// the first time at once. changed may write by the connection that it gets. WatchOrders returns when ctx is done
// or the connection is lost.
func WatchOrders(ctx context.Context, r Remote, changed func(Northbound, State)) error {
	rows, err := northbound()
	if err != nil {
		return err
	}
	read := func(c client.Client) (State, error) { return Northbound{c}.read(ctx) }
	return watch(ctx, r, rows, northboundTables(), read, State.equal,
		func(c client.Client, now State) { changed(Northbound{c}, now) })
}

func northboundTables() []client.MonitorOption {
	r, p, m, g := &router{}, &routerPort{}, &gatewayChassis{}, &global{}
	return []client.MonitorOption{
		client.WithTable(r, &r.Name, &r.Ports),
		client.WithTable(p, &p.Name, &p.MAC, &p.Networks, &p.GatewayChassis, &p.ExternalIDs),
		client.WithTable(m, &m.Name, &m.ChassisName, &m.Priority), client.WithTable(g, &g.ExternalIDs),
	}
}

func (n Northbound) read(ctx context.Context) (all State, err error) {
	var (
		ports   []routerPort
		members []gatewayChassis
		globals []global
	)
	for _, table := range []any{&ports, &members, &globals} {
		if err := n.c.List(ctx, table); err != nil {
			return all, fmt.Errorf("reading OVN's northbound database: %w", err)
		}
	}
	for _, g := range globals {
		all.Wish.Drained = split(g.ExternalIDs[drainedKey])
		all.Wish.Prefer = g.ExternalIDs[moveKey]
	}
	if all.Wish.Prefer == spread {
		all.Wish.Prefer, all.Wish.Spread = "", true
	}
	slices.SortFunc(members, func(a, b gatewayChassis) int {
		return cmp.Or(cmp.Compare(b.Priority, a.Priority), cmp.Compare(a.ChassisName, b.ChassisName))
	})
	for _, p := range ports {
		if p.Name == meshName {
			all.Mesh = chassisOf(p, members)
			slices.Sort(all.Mesh)
		}
		id, ok := strings.CutPrefix(p.Name, routerPortPrefix)
		if !ok || len(p.GatewayChassis) == 0 {
			continue
		}
		all.Orders = append(all.Orders, Order{
			Port: id, Router: strings.TrimPrefix(p.ExternalIDs[routerKey], routerPrefix), Chassis: chassisOf(p, members),
			Next: p.ExternalIDs[nextKey],
		})
	}
	slices.SortFunc(all.Orders, func(a, b Order) int { return cmp.Compare(a.Port, b.Port) })
	return all, nil
}

// chassisOf are the chassis of a router's port, in the order of members.
func chassisOf(p routerPort, members []gatewayChassis) (all []string) {
	for _, m := range members {
		if slices.Contains(p.GatewayChassis, m.UUID) {
			all = append(all, m.ChassisName)
		}
	}
	return all
}

func split(names string) (all []string) {
	if names != "" {
		all = strings.Split(names, ",")
	}
	return all
}

// SetOrder makes these chassis, and no others, those that may have a gateway, the first choice first.
// A port that has gone is no error.
func (n Northbound) SetOrder(ctx context.Context, o Order) error {
	p := routerPort{Name: routerPortPrefix + o.Port}
	if err := n.c.Get(ctx, &p); err != nil {
		return nil
	}
	if err := n.setChassis(ctx, &p, o.Chassis); err != nil {
		return fmt.Errorf("ordering the gateways of router %s: %w", o.Router, err)
	}
	return nil
}

// SetNext notes the chassis that a gateway is about to move to, for the agents: AWS is to have its addresses there
// first. An empty name takes the note back. OVN does nothing by it. A port that has gone is no error.
func (n Northbound) SetNext(ctx context.Context, o Order, chassis string) error {
	p := routerPort{Name: routerPortPrefix + o.Port}
	if err := n.c.Get(ctx, &p); err != nil {
		return nil
	}
	change := []model.Mutation{
		{Field: &p.ExternalIDs, Mutator: ovsdb.MutateOperationDelete, Value: []string{nextKey}},
	}
	if chassis != "" {
		change = append(change, model.Mutation{
			Field: &p.ExternalIDs, Mutator: ovsdb.MutateOperationInsert, Value: map[string]string{nextKey: chassis},
		})
	}
	operations, err := n.c.Where(&p).Mutate(&p, change...)
	if err == nil {
		err = n.transact(ctx, operations)
	}
	if err != nil {
		return fmt.Errorf("announcing where router %s moves: %w", o.Router, err)
	}
	return nil
}

// setChassis makes these chassis the candidates of a port that is there.
func (n Northbound) setChassis(ctx context.Context, p *routerPort, names []string) error {
	operations, uuids, err := n.candidates(ctx, *p, names)
	if err != nil {
		return err
	}
	p.GatewayChassis = uuids
	set, err := n.c.Where(p).Update(p, &p.GatewayChassis)
	if err != nil {
		return err
	}
	return n.transact(ctx, append(operations, set...))
}

// candidates are the operations that make rows for the candidates of a port, and the rows' UUIDs.
func (n Northbound) candidates(ctx context.Context, p routerPort, names []string) (
	operations []ovsdb.Operation, uuids []string, err error,
) {
	var members []gatewayChassis
	if err := n.c.List(ctx, &members); err != nil {
		return nil, nil, err
	}
	for i, chassis := range names {
		priority := len(names) - i
		at := slices.IndexFunc(members, func(m gatewayChassis) bool {
			return m.ChassisName == chassis && slices.Contains(p.GatewayChassis, m.UUID)
		})
		var one []ovsdb.Operation
		if at >= 0 {
			m := members[at]
			m.Priority = priority
			one, err = n.c.Where(&m).Update(&m, &m.Priority)
			uuids = append(uuids, m.UUID)
		} else {
			// As Neutron names them, which looks for its rows by name.
			m := &gatewayChassis{
				UUID: fmt.Sprintf("new%d", i), Name: p.Name + "_" + chassis, ChassisName: chassis, Priority: priority,
			}
			one, err = n.c.Create(m)
			uuids = append(uuids, m.UUID)
		}
		if err != nil {
			return nil, nil, err
		}
		operations = append(operations, one...)
	}
	return operations, uuids, nil
}

// meshName is a router, and its port, that no network has; Neutron's have names that begin with its prefix. A
// chassis binds the port and has nothing to do for it.
const meshName = "macaw-gateways"

// SetMesh makes these chassis watch each other's tunnels.
func (n Northbound) SetMesh(ctx context.Context, names []string) error {
	p := routerPort{Name: meshName}
	var err error
	if n.c.Get(ctx, &p) == nil {
		err = n.setChassis(ctx, &p, names)
	} else {
		err = n.makeMesh(ctx, names)
	}
	if err != nil {
		return fmt.Errorf("having gateways watch each other's tunnels: %w", err)
	}
	return nil
}

func (n Northbound) makeMesh(ctx context.Context, names []string) error {
	// An address that nothing else has; no network is connected.
	p := &routerPort{UUID: "port", Name: meshName, MAC: "02:00:00:00:00:01", Networks: []string{"169.254.255.253/30"}}
	operations, uuids, err := n.candidates(ctx, *p, names)
	if err != nil {
		return err
	}
	p.GatewayChassis = uuids
	for _, row := range []model.Model{p, &router{UUID: "router", Name: meshName, Ports: []string{p.UUID}}} {
		one, err := n.c.Create(row)
		if err != nil {
			return err
		}
		operations = append(operations, one...)
	}
	return n.transact(ctx, operations)
}

// SetWish notes what operators want.
func (n Northbound) SetWish(ctx context.Context, w Wish) error {
	var globals []global
	if err := n.c.List(ctx, &globals); err != nil {
		return fmt.Errorf("reading OVN's northbound database: %w", err)
	}
	wanted := make(map[string]string)
	if len(w.Drained) > 0 {
		wanted[drainedKey] = strings.Join(w.Drained, ",")
	}
	switch {
	case w.Spread:
		wanted[moveKey] = spread
	case w.Prefer != "":
		wanted[moveKey] = w.Prefer
	}
	for _, g := range globals {
		operations, err := n.c.Where(&g).Mutate(&g,
			model.Mutation{Field: &g.ExternalIDs, Mutator: ovsdb.MutateOperationDelete, Value: []string{drainedKey, moveKey}},
			model.Mutation{Field: &g.ExternalIDs, Mutator: ovsdb.MutateOperationInsert, Value: wanted},
		)
		if err == nil {
			err = n.transact(ctx, operations)
		}
		if err != nil {
			return fmt.Errorf("noting in OVN's northbound database what gateways are to do: %w", err)
		}
	}
	return nil
}

func (n Northbound) transact(ctx context.Context, operations []ovsdb.Operation) error {
	ctx, cancel := context.WithTimeoutCause(ctx, transactTimeout, fmt.Errorf("no answer in %s", transactTimeout))
	defer cancel()
	results, err := n.c.Transact(ctx, operations...)
	if err != nil {
		return err
	}
	_, err = ovsdb.CheckOperationResults(results, operations)
	return err
}

const transactTimeout = 5 * time.Second

// WithNorthbound connects, and calls do with what the database has.
func WithNorthbound(ctx context.Context, r Remote, do func(Northbound, State) error) error {
	rows, err := northbound()
	if err != nil {
		return err
	}
	c, err := subscribe(ctx, r, rows, northboundTables(), func() {})
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeoutCause(ctx, connectTimeout, fmt.Errorf("no answer in %s", connectTimeout))
	defer cancel()
	n := Northbound{c}
	now, err := n.read(ctx)
	if err != nil {
		return err
	}
	return do(n, now)
}

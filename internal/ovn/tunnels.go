// SPDX-License-Identifier: Apache-2.0

package ovn

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ovn-kubernetes/libovsdb/client"
	"github.com/ovn-kubernetes/libovsdb/model"
	"github.com/ovn-kubernetes/libovsdb/ovsdb"
)

// SwitchSocket is where the database of a node's own Open vSwitch answers.
const SwitchSocket = "unix:/var/run/openvswitch/db.sock"

// Rows of Open vSwitch's database, with the columns that are used.
type (
	switchPort struct {
		UUID        string            `ovsdb:"_uuid"`
		Name        string            `ovsdb:"name"`
		Interfaces  []string          `ovsdb:"interfaces"`
		ExternalIDs map[string]string `ovsdb:"external_ids"`
	}
	switchInterface struct {
		UUID      string            `ovsdb:"_uuid"`
		Name      string            `ovsdb:"name"`
		Type      string            `ovsdb:"type"`
		BFDStatus map[string]string `ovsdb:"bfd_status"`
	}
)

// WatchTunnels calls changed with the chassis whose tunnels are up, in order, by the database of a node's Open
// vSwitch, whenever they have changed, the first time at once. A tunnel is up if its BFD session is, which is what
// ovn-controller asks (bfd_calculate_active_tunnels in controller/bfd.c): it ignores cpath_down, so that is no way
// to tell it of a dead provider side. WatchTunnels returns when ctx is done or the connection is lost.
func WatchTunnels(ctx context.Context, r Remote, changed func(up []string)) error {
	rows, err := model.NewClientDBModel("Open_vSwitch", map[string]model.Model{
		"Port": &switchPort{}, "Interface": &switchInterface{},
	})
	if err != nil {
		return err
	}
	p, i := &switchPort{}, &switchInterface{}
	geneve := []model.Condition{{Field: &i.Type, Function: ovsdb.ConditionEqual, Value: "geneve"}}
	tables := []client.MonitorOption{
		client.WithTable(p, &p.Name, &p.Interfaces, &p.ExternalIDs),
		client.WithConditionalTable(i, geneve, &i.Name, &i.Type, &i.BFDStatus),
	}
	read := func(c client.Client) ([]string, error) { return upTunnels(ctx, c) }
	return watch(ctx, r, rows, tables, read, slices.Equal, func(_ client.Client, now []string) { changed(now) })
}

// tunnelKey is where ovn-controller notes a tunnel's chassis in its port's row, followed by @ and the address
// (controller/encaps.c).
const tunnelKey = "ovn-chassis-id"

func upTunnels(ctx context.Context, c client.Client) ([]string, error) {
	var ports []switchPort
	var interfaces []switchInterface
	for _, table := range []any{&ports, &interfaces} {
		if err := c.List(ctx, table); err != nil {
			return nil, fmt.Errorf("reading Open vSwitch's database: %w", err)
		}
	}
	up := []string{} // not nil: that there is none is an answer too
	for _, p := range ports {
		name, _, _ := strings.Cut(p.ExternalIDs[tunnelKey], "@")
		alive := func(i switchInterface) bool {
			return slices.Contains(p.Interfaces, i.UUID) && i.BFDStatus["state"] == "up"
		}
		if name != "" && slices.ContainsFunc(interfaces, alive) {
			up = append(up, name)
		}
	}
	slices.Sort(up)
	return slices.Compact(up), nil
}

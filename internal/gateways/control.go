// SPDX-License-Identifier: Apache-2.0

package gateways

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/renameio/v2"

	"macaw.example/internal/hint"
	"macaw.example/internal/nodeapi"
	"macaw.example/internal/ovn"
	"macaw.example/internal/smallfile"
)

// reportFile has what the keeper knows of the nodes.
const reportFile = "/run/macaw/gateways.json"

func writeReport(nodes []nodeapi.GatewayNode) error {
	text, err := json.Marshal(nodes)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(reportFile), 0o755); err != nil {
		return err
	}
	return renameio.WriteFile(reportFile, append(text, '\n'), 0o644)
}

func readReport() (nodes []nodeapi.GatewayNode, err error) {
	text, err := smallfile.Read(reportFile)
	if err == nil {
		err = json.Unmarshal(text, &nodes)
	}
	if errors.Is(err, fs.ErrNotExist) {
		const unit = nodeapi.GatewaysUnit
		err = hint.With(fmt.Errorf("the gateways' state is not known: %s has not run since the node started", unit),
			"systemctl status %s", unit)
	}
	return nodes, err
}

// List returns where routers are, and where they may be.
func List(ctx context.Context) (all nodeapi.Gateways, err error) {
	if all.Gateways, err = readReport(); err != nil {
		return all, err
	}
	south, err := readSouthbound(ctx)
	if err != nil {
		return all, err
	}
	err = ovn.WithNorthbound(ctx, ovn.Remote{Endpoint: ovn.NorthboundSocket},
		func(_ ovn.Northbound, north ovn.State) error {
			all = list(all.Gateways, north.Orders, north.Wish, south)
			return nil
		})
	return all, err
}

// Drained returns the names of the gateways that are to have no router.
func Drained(ctx context.Context) (nodes []string, err error) {
	err = ovn.WithNorthbound(ctx, ovn.Remote{Endpoint: ovn.NorthboundSocket},
		func(_ ovn.Northbound, north ovn.State) error {
			nodes = north.Wish.Drained
			return nil
		})
	return nodes, err
}

func list(nodes []nodeapi.GatewayNode, orders []ovn.Order, wish ovn.Wish, south ovn.Southbound) nodeapi.Gateways {
	all := nodeapi.Gateways{Gateways: nodes, Routers: []nodeapi.GatewayRouter{}}
	s := seen{gateways: south.Gateways}
	for _, o := range orders {
		all.Routers = append(all.Routers, nodeapi.GatewayRouter{ID: o.Router, Node: s.activeOf(o.Port), Order: o.Chassis})
	}
	for i, n := range nodes {
		nodes[i].Drained = slices.Contains(wish.Drained, n.Name)
		for _, r := range all.Routers {
			if r.Node == n.Name {
				nodes[i].Routers++
			}
		}
	}
	return all
}

func readSouthbound(ctx context.Context) (south ovn.Southbound, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	read := false
	err = ovn.WatchGateways(ctx, ovn.Remote{Endpoint: ovn.SouthboundSocket}, func(s ovn.Southbound) {
		south, read = s, true
		cancel()
	})
	if read {
		return south, nil
	}
	return south, err
}

// moveLimit is how long Move waits for the keeper, which gives up after a time of its own.
const moveLimit = 40 * time.Second

// Move moves all routers to a node, or spreads them over all if node is empty, and waits until they are
// there. Nothing brings them back later.
func Move(ctx context.Context, node string) error {
	return change(ctx, node, true, func(w *ovn.Wish) {
		if w.Prefer, w.Spread = node, node == ""; node != "" {
			w.Drained = slices.DeleteFunc(w.Drained, func(name string) bool { return name == node })
		}
	})
}

// SetDrained notes whether a node is to have no router, and waits until the routers that it has are elsewhere.
func SetDrained(ctx context.Context, node string, drained bool) error {
	return change(ctx, node, drained, func(w *ovn.Wish) {
		w.Drained = slices.DeleteFunc(w.Drained, func(name string) bool { return name == node })
		if drained {
			w.Drained = append(w.Drained, node)
			slices.Sort(w.Drained)
		}
	})
}

// change notes a wish, and waits until it is fulfilled if wait is set.
func change(ctx context.Context, node string, wait bool, edit func(*ovn.Wish)) error {
	nodes, err := readReport()
	if err != nil {
		return err
	}
	known := func(n nodeapi.GatewayNode) bool { return n.Name == node }
	if node != "" && !slices.ContainsFunc(nodes, known) {
		var names []string
		for _, n := range nodes {
			names = append(names, n.Name)
		}
		return hint.With(fmt.Errorf("there is no gateway %s", node), "one of %s", strings.Join(names, ", "))
	}
	err = ovn.WithNorthbound(ctx, ovn.Remote{Endpoint: ovn.NorthboundSocket},
		func(n ovn.Northbound, north ovn.State) error {
			edit(&north.Wish)
			if err := room(node, nodes, len(north.Orders), north.Wish); err != nil {
				return err
			}
			return n.SetWish(ctx, north.Wish)
		})
	if err != nil || !wait {
		return err
	}
	return await(ctx, node)
}

// room returns an error if a wish keeps routers from a node, and no other gateway can have them.
func room(node string, nodes []nodeapi.GatewayNode, routers int, wish ovn.Wish) error {
	if routers == 0 || !slices.Contains(wish.Drained, node) {
		return nil
	}
	var drained []string
	for _, n := range nodes {
		switch {
		case n.Name == node || !n.Reachable || n.Unfit != "":
		case slices.Contains(wish.Drained, n.Name):
			drained = append(drained, n.Name)
		default:
			return nil
		}
	}
	err := fmt.Errorf("moving routers from %s: no other gateway works and takes routers", node)
	if len(drained) > 0 {
		return hint.With(err, "macaw node enable FILE %s", drained[0])
	}
	return hint.With(err, "macaw gateway list FILE shows the gateways' state")
}

// await waits until no wish to move is open, no router is on a drained node if another one can have it, and says
// which ones are not where they should be.
func await(ctx context.Context, node string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, moveLimit, fmt.Errorf("not done after %s", moveLimit))
	defer cancel()
	for {
		waiting, err := open(ctx, node)
		if err != nil || waiting == "" {
			return err
		}
		select {
		case <-ctx.Done():
			return hint.With(fmt.Errorf("moving routers: %w: %s", context.Cause(ctx), waiting),
				"journalctl -u %s -u ovn-northd", nodeapi.GatewaysUnit)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// open is what is still to be done; empty: nothing. The southbound database is read last: the keeper takes a wish back
// after it has seen there that routers have moved.
func open(ctx context.Context, node string) (waiting string, err error) {
	nodes, err := readReport()
	if err != nil {
		return "", err
	}
	err = ovn.WithNorthbound(ctx, ovn.Remote{Endpoint: ovn.NorthboundSocket},
		func(_ ovn.Northbound, north ovn.State) error {
			south, err := readSouthbound(ctx)
			if err != nil {
				return err
			}
			waiting, err = left(node, list(nodes, north.Orders, north.Wish, south), north.Wish)
			return err
		})
	return waiting, err
}

// left is what is still to be done; an error if the keeper has given up.
func left(node string, now nodeapi.Gateways, wish ovn.Wish) (waiting string, err error) {
	drained := slices.Contains(wish.Drained, node)
	var wrong []string
	moving := false
	for _, r := range now.Routers {
		others := len(r.Order) > 1 || !slices.Contains(r.Order, node)
		if drained && r.Node == node && others || !drained && node != "" && r.Node != node {
			wrong = append(wrong, r.ID+" is on "+orNone(r.Node))
		}
		moving = moving || r.Node == "" && len(r.Order) > 0
	}
	switch {
	// One that is on no node is on its way also after the keeper has seen it arrive: where the old node lets go after
	// the new one has taken it, OVN writes down neither for a moment.
	case len(wrong) > 0 && (drained || wish.Prefer != "" || moving):
		return "router " + strings.Join(wrong, ", router "), nil
	case len(wrong) > 0:
		return "", hint.With(fmt.Errorf("moving routers to %s: router %s", node, strings.Join(wrong, ", router ")),
			"macaw gateway list shows whether %s is fit", node)
	case wish.Prefer != "" || wish.Spread:
		return "routers are being moved", nil
	}
	return "", nil
}

func orNone(node string) string {
	if node == "" {
		return "no node"
	}
	return node
}

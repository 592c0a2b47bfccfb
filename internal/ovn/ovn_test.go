// SPDX-License-Identifier: Apache-2.0

package ovn

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// serve starts Open vSwitch's own database server with the part of a schema of OVN 25.03 that this package
// uses, and returns its address, a
// function that runs a transaction, and its process.
func serve(t *testing.T, schema string) (Remote, func(operations string), *os.Process) {
	t.Helper()
	dir := t.TempDir()
	db, socket := filepath.Join(dir, "db"), filepath.Join(dir, "socket")
	run := func(name string, args ...string) {
		t.Helper()
		if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
			t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
		}
	}
	file := filepath.Join("testdata", schema+".ovsschema")
	if filepath.IsAbs(schema) {
		file = schema
	}
	run("ovsdb-tool", "create", db, file)
	server := exec.Command("ovsdb-server", "--remote=punix:"+socket, "--unixctl="+filepath.Join(dir, "ctl"), db)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	for range 100 {
		if _, err := os.Stat(socket); err == nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	remote := "unix:" + socket
	return Remote{Endpoint: remote}, func(operations string) {
		t.Helper()
		out, err := exec.Command("ovsdb-client", "transact", remote, operations).CombinedOutput()
		if err != nil || strings.Contains(string(out), `"error"`) {
			t.Fatalf("transaction %s: %v: %s", operations, err, out)
		}
	}, server.Process
}

// next returns what a watch says next.
func next[T any](t *testing.T, values <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-values:
	case <-time.After(10 * time.Second):
		t.Fatal("nothing was said within 10 s")
	}
	return v
}

const chassisAndBinding = `["OVN_Southbound",
 {"op":"insert","table":"Datapath_Binding","row":{"tunnel_key":1},"uuid-name":"datapath"},
 {"op":"insert","table":"Chassis","row":{"name":"gw-1"},"uuid-name":"one"},
 {"op":"insert","table":"Chassis","row":{"name":"gw-2"},"uuid-name":"two"},
 {"op":"insert","table":"HA_Chassis","row":{"priority":1,"chassis":["named-uuid","one"]},"uuid-name":"h1"},
 {"op":"insert","table":"HA_Chassis","row":{"priority":2,"chassis":["named-uuid","two"]},"uuid-name":"h2"},
 {"op":"insert","table":"HA_Chassis","row":{"priority":3},"uuid-name":"h3"},
 {"op":"insert","table":"HA_Chassis_Group","row":{"name":"g","ha_chassis":["set",[["named-uuid","h1"],["named-uuid","h2"],
  ["named-uuid","h3"]]]},"uuid-name":"group"},
 {"op":"insert","table":"Port_Binding","row":{"datapath":["named-uuid","datapath"],"tunnel_key":1,"logical_port":"cr-lrp-p1","type":"chassisredirect",
  "ha_chassis_group":["named-uuid","group"],"external_ids":["map",[["neutron:router_name","neutron-r1"]]]}},
 {"op":"insert","table":"Port_Binding","row":{"datapath":["named-uuid","datapath"],"tunnel_key":2,"logical_port":"guest","type":""}}]`

func TestWatchGateways(t *testing.T) {
	remote, transact, server := serve(t, "ovn-sb")
	transact(chassisAndBinding)
	ctx, cancel := context.WithCancel(t.Context())
	said, ended := make(chan Southbound, 8), make(chan error, 1)
	go func() { ended <- WatchGateways(ctx, remote, func(s Southbound) { said <- s }) }()
	want := Southbound{
		Gateways: []Gateway{{Port: "p1", Router: "r1", Candidates: []string{"gw-2", "gw-1"}}},
		Chassis:  []string{"gw-1", "gw-2"},
	}
	if got := next(t, said); !reflect.DeepEqual(got, want) {
		t.Errorf("at first: got %+v, want %+v", got, want)
	}

	transact(`["OVN_Southbound",
	 {"op":"insert","table":"Chassis","row":{"name":"gw-3"},"uuid-name":"three"},
	 {"op":"update","table":"Port_Binding","where":[["logical_port","==","cr-lrp-p1"]],"row":{"chassis":["named-uuid","three"]}}]`)
	want.Gateways[0].Active, want.Chassis = "gw-3", []string{"gw-1", "gw-2", "gw-3"}
	if got := next(t, said); !reflect.DeepEqual(got, want) {
		t.Errorf("bound: got %+v, want %+v", got, want)
	}

	// OVN writes columns that this package does not use. One of them in an update must not spoil the others.
	transact(`["OVN_Southbound",
	 {"op":"update","table":"Port_Binding","where":[["logical_port","==","cr-lrp-p1"]],"row":{"up":true,"chassis":["set",[]]}}]`)
	want.Gateways[0].Active = ""
	if got := next(t, said); !reflect.DeepEqual(got, want) {
		t.Errorf("no longer bound: got %+v, want %+v", got, want)
	}

	transact(`["OVN_Southbound",{"op":"mutate","table":"Port_Binding","where":[["logical_port","==","cr-lrp-p1"]],
	 "mutations":[["external_ids","insert",["map",[["macaw:next-gateway","gw-2"]]]]]}]`)
	want.Gateways[0].Next = "gw-2"
	if got := next(t, said); !reflect.DeepEqual(got, want) {
		t.Errorf("about to move: got %+v, want %+v", got, want)
	}

	transact(`["OVN_Southbound",{"op":"update","table":"HA_Chassis","where":[["priority","==",1]],"row":{"priority":9}}]`)
	want.Gateways[0].Candidates = []string{"gw-1", "gw-2"}
	if got := next(t, said); !reflect.DeepEqual(got, want) {
		t.Errorf("other priorities: got %+v, want %+v", got, want)
	}

	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := next(t, ended); !errors.Is(err, errDisconnected) {
		t.Errorf("the server has gone: got %v, want %v", err, errDisconnected)
	}
	cancel()
}

const routerPorts = `["OVN_Northbound",
 {"op":"insert","table":"NB_Global","row":{"external_ids":["map",[["other","stays"]]]}},
 {"op":"insert","table":"Gateway_Chassis","row":{"name":"lrp-p1_gw-1","chassis_name":"gw-1","priority":2},"uuid-name":"a"},
 {"op":"insert","table":"Gateway_Chassis","row":{"name":"lrp-p1_gw-2","chassis_name":"gw-2","priority":1},"uuid-name":"b"},
 {"op":"insert","table":"Gateway_Chassis","row":{"name":"lrp-p2_gw-1","chassis_name":"gw-1","priority":1},"uuid-name":"c"},
 {"op":"insert","table":"Logical_Router_Port","row":{"name":"lrp-p1","gateway_chassis":["set",[["named-uuid","a"],
  ["named-uuid","b"]]],"external_ids":["map",[["neutron:router_name","neutron-r1"]]]}},
 {"op":"insert","table":"Logical_Router_Port","row":{"name":"lrp-p2","gateway_chassis":["named-uuid","c"]}},
 {"op":"insert","table":"Logical_Router_Port","row":{"name":"lrp-inside"}}]`

func TestOrders(t *testing.T) {
	remote, transact, _ := serve(t, "ovn-nb")
	transact(routerPorts)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	said := make(chan State, 8)
	connection := make(chan Northbound, 1)
	go func() {
		err := WatchOrders(ctx, remote, func(n Northbound, s State) {
			select {
			case connection <- n:
			default:
			}
			said <- s
		})
		if ctx.Err() == nil {
			t.Errorf("watching orders: %v", err)
		}
	}()
	last := Order{Port: "p2", Chassis: []string{"gw-1"}}
	want := State{Orders: []Order{{Port: "p1", Router: "r1", Chassis: []string{"gw-1", "gw-2"}}, last}}
	if got := next(t, said); !reflect.DeepEqual(got, want) {
		t.Fatalf("at first: got %+v, want %+v", got, want)
	}
	n := <-connection
	for _, chassis := range [][]string{{"gw-2", "gw-1"}, {"gw-2"}, {"gw-3", "gw-2", "gw-1"}, {"gw-1", "gw-2", "gw-3"}} {
		now := Order{Port: "p1", Router: "r1", Chassis: chassis}
		before := want.Orders[0]
		for _, before.Next = range []string{"gw-9", chassis[0], ""} {
			if err := n.SetNext(ctx, now, before.Next); err != nil {
				t.Fatal(err)
			}
			if got := next(t, said); !reflect.DeepEqual(got, State{Orders: []Order{before, last}}) {
				t.Errorf("about to move: got %+v, want %+v", got, before)
			}
		}
		if err := n.SetOrder(ctx, now); err != nil {
			t.Fatal(err)
		}
		want = State{Orders: []Order{now, last}}
		if got := next(t, said); !reflect.DeepEqual(got, want) {
			t.Errorf("after an order: got %+v, want %+v", got, want)
		}
	}
	gone := Order{Port: "gone", Router: "r9", Chassis: []string{"gw-1"}}
	if err := errors.Join(n.SetOrder(ctx, gone), n.SetNext(ctx, gone, "gw-1")); err != nil {
		t.Errorf("a port that has gone: %v", err)
	}
	for _, wish := range []Wish{
		{Drained: []string{"gw-1", "gw-2"}}, {Drained: []string{"gw-1"}, Prefer: "gw-2"}, {Spread: true}, {},
	} {
		if err := n.SetWish(ctx, wish); err != nil {
			t.Fatal(err)
		}
		if got := next(t, said); !reflect.DeepEqual(got.Wish, wish) {
			t.Errorf("after a wish: got %+v, want %+v", got.Wish, wish)
		}
	}
	for _, mesh := range [][]string{{"gw-1", "gw-2"}, {"gw-1", "gw-3"}, {"gw-3"}} {
		if err := n.SetMesh(ctx, mesh); err != nil {
			t.Fatal(err)
		}
		got := next(t, said)
		if !reflect.DeepEqual(got.Mesh, mesh) || len(got.Orders) != 2 {
			t.Errorf("after a mesh: got %+v, want %v and two orders", got, mesh)
		}
	}
	for table, noted := range map[string]string{
		"NB_Global": "{other=stays}", "Logical_Router_Port": `neutron:router_name""=neutron-r1}`,
	} {
		dump := []string{"--format=csv", "dump", remote.Endpoint, "OVN_Northbound", table, "external_ids"}
		out, err := exec.Command("ovsdb-client", dump...).CombinedOutput()
		if err != nil || !strings.Contains(string(out), noted) {
			t.Errorf("what others have noted in %s: %v: %s", table, err, out)
		}
	}
	err := WithNorthbound(ctx, remote, func(_ Northbound, s State) error {
		if want := []string{"gw-1", "gw-2", "gw-3"}; !reflect.DeepEqual(s.Orders[0].Chassis, want) {
			t.Errorf("asked once: got %v, want %v", s.Orders[0].Chassis, want)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestWatchTunnels(t *testing.T) {
	remote, transact, _ := serve(t, "/usr/share/openvswitch/vswitch.ovsschema")
	said := make(chan []string, 8)
	go func() { _ = WatchTunnels(t.Context(), remote, func(up []string) { said <- up }) }()
	if got := next(t, said); got == nil || len(got) > 0 {
		t.Errorf("no tunnels: got %v, want an empty list", got)
	}
	transact(`["Open_vSwitch",
	 {"op":"insert","table":"Interface","row":{"name":"t1","type":"geneve","bfd_status":["map",[["state","up"]]]},
	  "uuid-name":"i1"},
	 {"op":"insert","table":"Interface","row":{"name":"t2","type":"geneve","bfd_status":["map",[["state","down"]]]},
	  "uuid-name":"i2"},
	 {"op":"insert","table":"Interface","row":{"name":"tap","type":""},"uuid-name":"i3"},
	 {"op":"insert","table":"Port","row":{"name":"t1","interfaces":["named-uuid","i1"],
	  "external_ids":["map",[["ovn-chassis-id","gw-1@10.0.0.5%10.0.0.6"]]]},"uuid-name":"p1"},
	 {"op":"insert","table":"Port","row":{"name":"t2","interfaces":["named-uuid","i2"],
	  "external_ids":["map",[["ovn-chassis-id","gw-2@10.0.0.7%10.0.0.6"]]]},"uuid-name":"p2"},
	 {"op":"insert","table":"Port","row":{"name":"tap","interfaces":["named-uuid","i3"]},"uuid-name":"p3"},
	 {"op":"insert","table":"Bridge","row":{"name":"br-int","ports":["set",[["named-uuid","p1"],["named-uuid","p2"],
	  ["named-uuid","p3"]]]},"uuid-name":"b"},
	 {"op":"insert","table":"Open_vSwitch","row":{"bridges":["named-uuid","b"]}}]`)
	if got, want := next(t, said), []string{"gw-1"}; !slices.Equal(got, want) {
		t.Errorf("one of two is up: got %v, want %v", got, want)
	}
	transact(`["Open_vSwitch",{"op":"update","table":"Interface","where":[["name","==","t2"]],
	 "row":{"bfd_status":["map",[["state","up"],["flap_count","3"]]],"mtu":1500}}]`)
	if got, want := next(t, said), []string{"gw-1", "gw-2"}; !slices.Equal(got, want) {
		t.Errorf("both are up: got %v, want %v", got, want)
	}
}

// A machine without power closes no connection.
func TestSilentDatabase(t *testing.T) {
	remote, transact, server := serve(t, "ovn-sb")
	transact(chassisAndBinding)
	said, ended := make(chan Southbound, 8), make(chan error, 1)
	go func() { ended <- WatchGateways(t.Context(), remote, func(s Southbound) { said <- s }) }()
	next(t, said)
	if err := server.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if err := next(t, ended); !errors.Is(err, errDisconnected) {
		t.Errorf("got %v, want %v", err, errDisconnected)
	}
}

func TestNoDatabase(t *testing.T) {
	err := WatchGateways(t.Context(), Remote{Endpoint: "unix:" + filepath.Join(t.TempDir(), "none")}, nil)
	if err == nil || !strings.Contains(err.Error(), "connecting to OVN's database at unix:") {
		t.Errorf("got %v", err)
	}
}

// SPDX-License-Identifier: Apache-2.0

package neutron

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const gatewayPorts = `{"id": "gw1", "network_id": "net1", "mac_address": "fa:16:3e:11:22:33", "admin_state_up": true, "status": "ACTIVE", "device_owner": "network:router_gateway", "device_id": "r1", "tenant_id": "", "binding:host_id": "node-1", "tags": [],
  "fixed_ips": [{"subnet_id": "sub1", "ip_address": "10.20.1.10"}]},
 {"id": "gw2", "network_id": "net1", "mac_address": "fa:16:3e:44:55:66", "admin_state_up": true, "status": "DOWN", "device_owner": "network:router_gateway", "device_id": "r2", "tenant_id": "", "binding:host_id": "node-2", "tags": ["elastic-ip=198.51.100.9"],
  "fixed_ips": [{"subnet_id": "sub1", "ip_address": "10.20.1.11"}]}`

const recordedPorts = `{"ports": [` + gatewayPorts + `,
 {"id": "fp1", "network_id": "net1", "mac_address": "fa:16:3e:aa:aa:01", "admin_state_up": true, "status": "N/A", "device_owner": "network:floatingip", "device_id": "fip1", "tenant_id": "",
  "fixed_ips": [{"subnet_id": "sub1", "ip_address": "10.20.1.12"}]},
 {"id": "fp2", "network_id": "net1", "mac_address": "fa:16:3e:aa:aa:02", "admin_state_up": true, "status": "N/A", "device_owner": "network:floatingip", "device_id": "fip2", "tenant_id": "",
  "fixed_ips": [{"subnet_id": "sub1", "ip_address": "10.20.1.13"}]},
 {"id": "fp3", "network_id": "net1", "mac_address": "fa:16:3e:aa:aa:03", "admin_state_up": true, "status": "N/A", "device_owner": "network:floatingip", "device_id": "fip3", "tenant_id": "",
  "fixed_ips": [{"subnet_id": "sub1", "ip_address": "10.20.1.14"}]},
 {"id": "meta", "network_id": "net1", "mac_address": "fa:16:3e:00:00:99", "admin_state_up": true, "status": "DOWN", "device_owner": "network:distributed", "device_id": "ovnmeta-net1", "fixed_ips": []},
 {"id": "vm", "network_id": "net1", "mac_address": "fa:16:3e:00:00:77", "admin_state_up": true, "status": "ACTIVE", "device_owner": "compute:nova", "device_id": "vm1", "tenant_id": "p1", "name": "outside", "binding:host_id": "node-3",
  "fixed_ips": [{"subnet_id": "sub1", "ip_address": "10.20.1.20"}]}]}`

const recordedFloating = `{"floatingips": [
 {"id": "fip1", "floating_network_id": "net1", "floating_ip_address": "10.20.1.12", "fixed_ip_address": "192.168.0.5", "port_id": "guest1", "router_id": "r2", "status": "ACTIVE", "tenant_id": "p1", "project_id": "p1", "description": "the shop", "tags": ["elastic-ip-policy=none", "shop"],
  "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z", "revision_number": 1, "port_details": {"name": "", "network_id": "x", "status": "ACTIVE"}, "port_forwardings": []},
 {"id": "fip2", "floating_network_id": "net1", "floating_ip_address": "10.20.1.13", "fixed_ip_address": null, "port_id": null, "router_id": "r1", "status": "ACTIVE", "tenant_id": "p1",
  "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z", "port_forwardings": [{"protocol": "tcp", "external_port": 2222, "internal_port": 22, "internal_ip_address": "192.168.0.6"}]},
 {"id": "fip3", "floating_network_id": "net1", "floating_ip_address": "10.20.1.14", "fixed_ip_address": null, "port_id": null, "router_id": null, "status": "DOWN", "tenant_id": "p1",
  "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z", "port_forwardings": []}]}`

func recorded(t *testing.T) (*fakeCloud, Provider) {
	f := newFakeCloud(t)
	f.answers["GET /networks"] = `{"networks": [` + goodNetwork + `]}`
	f.answers["GET /ports"] = recordedPorts
	f.answers["GET /floatingips"] = recordedFloating
	return f, Provider{Client: f.connect(t), Network: "provider"}
}

func mac(s string) net.HardwareAddr {
	m, err := net.ParseMAC(s)
	if err != nil {
		panic(err)
	}
	return m
}

var byValue = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

func TestProviderAddresses(t *testing.T) {
	addr := netip.MustParseAddr
	f, p := recorded(t)
	router := func(a, m, id, router, host string) Address {
		return Address{Addr: addr(a), MAC: mac(m), Kind: KindRouter, ID: id, Router: router, Active: true, Host: host,
			Tags: []string{}}
	}
	floating := func(a string, m net.HardwareAddr, id, router, host string) Address {
		return Address{Addr: addr(a), MAC: m, Kind: KindFloating, ID: id, Router: router, Active: m != nil, Host: host,
			Project: "p1"}
	}
	want := []Address{
		router("10.20.1.10", "fa:16:3e:11:22:33", "gw1", "r1", "node-1"),
		router("10.20.1.11", "fa:16:3e:44:55:66", "gw2", "r2", "node-2"),
		floating("10.20.1.12", mac("fa:16:3e:44:55:66"), "fip1", "r2", "node-2"),
		floating("10.20.1.13", mac("fa:16:3e:11:22:33"), "fip2", "r1", "node-1"),
		floating("10.20.1.14", nil, "fip3", "", ""),
		{Addr: addr("10.20.1.20"), MAC: mac("fa:16:3e:00:00:77"), Kind: KindPort, ID: "vm", Active: true, Host: "node-3",
			Project: "p1"},
	}
	want[1].Tags = []string{"elastic-ip=198.51.100.9"}
	want[2].Tags = []string{"elastic-ip-policy=none", "shop"}
	got, err := p.ProviderAddresses(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got, byValue); d != "" {
		t.Errorf("centralized (-want +got):\n%s", d)
	}
	if f.reads != 3 {
		t.Errorf("%d requests, want 3", f.reads)
	}
	for path, want := range map[string]url.Values{"/ports": {"network_id": {"net1"}},
		"/floatingips": {"floating_network_id": {"net1"}}} {
		if d := cmp.Diff(want, f.queries[path]); d != "" {
			t.Errorf("%s asked with (-want +got):\n%s", path, d)
		}
	}

	p.Distributed = true
	f.answers["GET /ports?id=guest1"] = `{"ports": [{"id": "guest1", "binding:host_id": "node-7"}]}`
	want[2].MAC, want[2].Host = mac("fa:16:3e:aa:aa:01"), "node-7" // port forwarding stays with its router
	f.reads = 0
	if got, err = p.ProviderAddresses(context.Background()); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got, byValue); d != "" {
		t.Errorf("distributed (-want +got):\n%s", d)
	}
	if f.reads != 4 {
		t.Errorf("%d requests, want 4", f.reads)
	}
}

// A floating IP's router may have lost its gateway port between two requests.
func TestAddressesWithoutGateway(t *testing.T) {
	f := FloatingIP{ID: "fip1", Addr: netip.MustParseAddr("10.20.1.12"), Port: "guest1", Router: "gone",
		MAC: mac("fa:16:3e:aa:aa:01")}
	for _, distributed := range []bool{false, true} {
		got := addresses(snapshot{floating: []FloatingIP{f}}, map[string]string{"guest1": "node-7"}, distributed)
		if len(got) != 1 || got[0].Active || got[0].Host != "" || got[0].MAC != nil {
			t.Errorf("distributed %v: %+v, want an address that nobody sends from", distributed, got)
		}
	}
}

// Thousands of floating IPs take no more requests, except for pages that the server requires, and
// no list of IDs that is too long for a web server.
func TestManyAddresses(t *testing.T) {
	f, p := recorded(t)
	p.Distributed = true
	const n = 5000
	var ports, floating, guests []string
	for i := range n {
		a := fmt.Sprintf("10.21.%d.%d", i/250, i%250+1)
		ports = append(ports, fmt.Sprintf(`{"id": "own%d", "mac_address": "fa:16:3e:01:%02x:%02x", "device_owner": "network:floatingip", "device_id": "fip%d"}`, i, i/250, i%250, i))
		floating = append(floating, fmt.Sprintf(`{"id": "fip%d", "floating_ip_address": %q, "port_id": "guest%d", "router_id": "r1"}`, i, a, i))
		guests = append(guests, fmt.Sprintf(`{"id": "guest%d", "binding:host_id": "node-%d"}`, i, i%7))
	}
	gateway := `{"id": "gw1", "mac_address": "fa:16:3e:11:22:33", "admin_state_up": true, "device_owner": "network:router_gateway", "device_id": "r1", "fixed_ips": [{"ip_address": "10.20.1.10"}]}`
	page := fmt.Sprintf(`{"ports_links": [{"rel": "next", "href": "%s/network/v2.0/ports?network_id=net1&marker=own1"}], "ports": [%s]}`, f.URL, gateway)
	f.answers["GET /ports?network_id=net1"] = page
	f.answers["GET /ports?marker=own1&network_id=net1"] = `{"ports": [` + strings.Join(ports, ",") + `]}`
	f.answers["GET /ports"] = `{"ports": [` + strings.Join(guests, ",") + `]}`
	f.answers["GET /floatingips"] = `{"floatingips": [` + strings.Join(floating, ",") + `]}`
	got, err := p.ProviderAddresses(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != n+1 || f.reads != 5 {
		t.Errorf("%d addresses by %d requests, want %d by 5", len(got), f.reads, n+1)
	}
	if a := got[n]; a.Host != "node-1" || a.MAC.String() != "fa:16:3e:01:13:f9" {
		t.Errorf("the last is %+v", a)
	}
}

// A truncated response is an error: missing addresses would be unassigned on AWS.
func TestCutOff(t *testing.T) {
	for _, cut := range []string{
		`{"floatingips": [`, `{"floatingips": []`, `{"floatingips": null}`, `{"floatingips": {}}`, `[]`, ``,
		`{"floatingips": [{"id": "fip1", "floating_ip_address": "10.20.1"}]}`,
	} {
		f, p := recorded(t) // its own: earlier requests may still be under way
		f.answers["GET /floatingips"] = cut
		if _, err := p.ProviderAddresses(context.Background()); err == nil {
			t.Errorf("answer %q gave addresses", cut)
		}
	}
}

func TestRoutersAndFloatingIPs(t *testing.T) {
	f, p := recorded(t)
	f.answers["GET /ports?device_owner=network%3Arouter_gateway&network_id=net1"] = `{"ports": [` + gatewayPorts + `]}`
	routers, err := p.Routers(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	want := []Router{
		{"r1", "gw1", mac("fa:16:3e:11:22:33"), addrs("10.20.1.10"), true},
		{"r2", "gw2", mac("fa:16:3e:44:55:66"), addrs("10.20.1.11"), true},
	}
	if d := cmp.Diff(want, routers, byValue); d != "" {
		t.Errorf("routers (-want +got):\n%s", d)
	}
	floating, err := p.FloatingIPs(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	first := FloatingIP{
		ID: "fip1", Addr: netip.MustParseAddr("10.20.1.12"), FixedIP: netip.MustParseAddr("192.168.0.5"),
		Port: "guest1", Router: "r2", MAC: mac("fa:16:3e:aa:aa:01"), Status: "ACTIVE",
		Project: "p1", Tags: []string{"elastic-ip-policy=none", "shop"},
	}
	if len(floating) != 3 {
		t.Fatalf("%d floating IPs, want 3", len(floating))
	}
	if d := cmp.Diff(first, floating[0], byValue); d != "" {
		t.Errorf("floating IP (-want +got):\n%s", d)
	}
}

func TestProviderAddressesErrors(t *testing.T) {
	f, p := recorded(t)
	f.answers["GET /networks"] = `{"networks": []}`
	if _, err := p.ProviderAddresses(context.Background()); !errors.Is(err, ErrNoNetwork) {
		t.Errorf("no network: %v, want ErrNoNetwork", err)
	}
	f.Close()
	if _, err := p.ProviderAddresses(context.Background()); err == nil {
		t.Error("a cloud that is gone gave an answer")
	}
}

// What has an address is named: the guest of a floating IP before its router, and that before its project.
func TestOwners(t *testing.T) {
	f, p := recorded(t)
	f.servers = `{"servers": [{"id": "vm1", "name": "outside"}, {"id": "s1", "name": "shop"}]}`
	f.answers["GET /routers"] = `{"routers": [{"id": "r1", "name": "edge"}, {"id": "r2", "name": ""}]}`
	f.answers["GET /ports?id=guest1"] = `{"ports": [{"id": "guest1", "device_id": "s1"}]}`
	got, err := p.Owners(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"r1": "router edge", "fip1": "server shop", "fip2": "router edge", "fip3": "project demo",
		"vm": "server outside"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Names that are not known for lack of a role do not take the others with them, and are no secret.
func TestOwnersWithoutRole(t *testing.T) {
	for _, tt := range []struct {
		refuses []string
		want    map[string]string
		err     string
	}{
		{[]string{"compute", "identity"},
			map[string]string{"r1": "router edge", "fip1": "port shop-eth0", "fip2": "router edge", "vm": "port outside"},
			"listing servers"},
		{[]string{"identity"}, map[string]string{"r1": "router edge", "fip1": "server shop", "fip2": "router edge",
			"vm": "server outside"}, "listing projects"},
	} {
		f, p := recorded(t)
		f.servers = `{"servers": [{"id": "vm1", "name": "outside"}, {"id": "s1", "name": "shop"}]}`
		f.answers["GET /routers"] = `{"routers": [{"id": "r1", "name": "edge"}, {"id": "r2", "name": ""}]}`
		f.answers["GET /ports?id=guest1"] = `{"ports": [{"id": "guest1", "name": "shop-eth0", "device_id": "s1"}]}`
		f.refuses = map[string]bool{}
		for _, service := range tt.refuses {
			f.refuses[service] = true
		}
		got, err := p.Owners(t.Context())
		if err == nil || !strings.Contains(err.Error(), tt.err) {
			t.Errorf("without a role in %v: %v", tt.refuses, err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("without a role in %v (-want +got):\n%s", tt.refuses, diff)
		}
		if len(tt.refuses) < 2 {
			continue
		}
		got, err = p.OwnersInNeutron(t.Context())
		if err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("in Neutron (-want +got):\n%s", diff)
		}
	}
}

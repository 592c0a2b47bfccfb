package neutron

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const recordedPorts = `{"ports": [
 {"id": "gw1", "network_id": "net1", "mac_address": "fa:16:3e:11:22:33", "admin_state_up": true, "status": "ACTIVE", "device_owner": "network:router_gateway", "device_id": "r1", "tenant_id": "",
  "fixed_ips": [{"subnet_id": "sub1", "ip_address": "10.20.1.10"}]},
 {"id": "gw2", "network_id": "net1", "mac_address": "fa:16:3e:44:55:66", "admin_state_up": true, "status": "DOWN", "device_owner": "network:router_gateway", "device_id": "r2", "tenant_id": "",
  "fixed_ips": [{"subnet_id": "sub1", "ip_address": "10.20.1.11"}]},
 {"id": "fp1", "network_id": "net1", "mac_address": "fa:16:3e:aa:aa:01", "admin_state_up": true, "status": "N/A", "device_owner": "network:floatingip", "device_id": "fip1", "tenant_id": "",
  "fixed_ips": [{"subnet_id": "sub1", "ip_address": "10.20.1.12"}]},
 {"id": "fp2", "network_id": "net1", "mac_address": "fa:16:3e:aa:aa:02", "admin_state_up": true, "status": "N/A", "device_owner": "network:floatingip", "device_id": "fip2", "tenant_id": "",
  "fixed_ips": [{"subnet_id": "sub1", "ip_address": "10.20.1.13"}]},
 {"id": "fp3", "network_id": "net1", "mac_address": "fa:16:3e:aa:aa:03", "admin_state_up": true, "status": "N/A", "device_owner": "network:floatingip", "device_id": "fip3", "tenant_id": "",
  "fixed_ips": [{"subnet_id": "sub1", "ip_address": "10.20.1.14"}]},
 {"id": "meta", "network_id": "net1", "mac_address": "fa:16:3e:00:00:99", "admin_state_up": true, "status": "DOWN", "device_owner": "network:distributed", "device_id": "ovnmeta-net1", "fixed_ips": []},
 {"id": "vm", "network_id": "net1", "mac_address": "fa:16:3e:00:00:77", "admin_state_up": true, "status": "ACTIVE", "device_owner": "compute:nova", "device_id": "vm1", "tenant_id": "p1",
  "fixed_ips": [{"subnet_id": "sub1", "ip_address": "10.20.1.20"}]}]}`

const recordedFloating = `{"floatingips": [
 {"id": "fip1", "floating_network_id": "net1", "floating_ip_address": "10.20.1.12", "fixed_ip_address": "192.168.0.5", "port_id": "guest1", "router_id": "r2", "status": "ACTIVE", "tenant_id": "p1", "description": "",
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
	want := []Address{
		{addr("10.20.1.10"), mac("fa:16:3e:11:22:33"), KindRouter, "gw1", "r1", true},
		{addr("10.20.1.11"), mac("fa:16:3e:44:55:66"), KindRouter, "gw2", "r2", true},
		{addr("10.20.1.12"), mac("fa:16:3e:44:55:66"), KindFloating, "fip1", "r2", true},
		{addr("10.20.1.13"), mac("fa:16:3e:11:22:33"), KindFloating, "fip2", "r1", true},
		{addr("10.20.1.14"), nil, KindFloating, "fip3", "", false},
		{addr("10.20.1.20"), mac("fa:16:3e:00:00:77"), KindPort, "vm", "", true},
	}
	got, err := p.ProviderAddresses(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got, byValue); d != "" {
		t.Errorf("centralized (-want +got):\n%s", d)
	}
	if q := f.queries["/ports"]; q != "network_id=net1" {
		t.Errorf("ports asked with %q", q)
	}
	if q := f.queries["/floatingips"]; q != "floating_network_id=net1" {
		t.Errorf("floating IPs asked with %q", q)
	}

	p.Distributed = true
	want[2].MAC = mac("fa:16:3e:aa:aa:01") // port forwarding stays with its router
	if got, err = p.ProviderAddresses(context.Background()); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got, byValue); d != "" {
		t.Errorf("distributed (-want +got):\n%s", d)
	}
}

func TestRoutersAndFloatingIPs(t *testing.T) {
	_, p := recorded(t)
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

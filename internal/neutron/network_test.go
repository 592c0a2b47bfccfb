// SPDX-License-Identifier: Apache-2.0

package neutron

import (
	"context"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/subnets"
)

var wanted = External{
	Name: "provider", PhysicalNetwork: "provider",
	CIDR: netip.MustParsePrefix("10.20.1.0/24"), Gateway: netip.MustParseAddr("10.20.1.1"),
	Addresses: addrs("10.20.1.11", "10.20.1.10", "10.20.1.20"),
}

const (
	goodNetwork = `{"id": "net1", "name": "provider", "admin_state_up": true, "status": "ACTIVE", "shared": false, "subnets": ["sub1"],
		"router:external": true, "mtu": 1500, "provider:network_type": "flat", "provider:physical_network": "provider", "provider:segmentation_id": null}`
	goodSubnet = `{"id": "sub1", "name": "provider", "network_id": "net1", "ip_version": 4, "cidr": "10.20.1.0/24", "gateway_ip": "10.20.1.1", "enable_dhcp": false,
		"allocation_pools": [{"start": "10.20.1.20", "end": "10.20.1.20"}, {"start": "10.20.1.10", "end": "10.20.1.11"}], "dns_nameservers": [], "host_routes": []}`
)

func addrs(in ...string) []netip.Addr {
	var out []netip.Addr
	for _, s := range in {
		out = append(out, netip.MustParseAddr(s))
	}
	return out
}

func TestEnsureExternal(t *testing.T) {
	replace := func(s string, oldnew ...string) string { return strings.NewReplacer(oldnew...).Replace(s) }
	for _, c := range []struct {
		name            string
		network, subnet string // as seen; empty: none
		writes, changed []string
		err             string
	}{
		{
			name: "nothing there",
			writes: []string{
				`POST /networks {"network":{"admin_state_up":true,"mtu":1500,"name":"provider","provider:network_type":"flat","provider:physical_network":"provider","router:external":true}}`,
				`POST /subnets {"subnet":{"allocation_pools":[{"end":"10.20.1.11","start":"10.20.1.10"},{"end":"10.20.1.20","start":"10.20.1.20"}],"cidr":"10.20.1.0/24","enable_dhcp":false,"gateway_ip":"10.20.1.1","ip_version":4,"name":"provider","network_id":"net1"}}`,
			},
			changed: []string{"network made", "subnet made"},
		},
		{name: "as it should be", network: goodNetwork, subnet: goodSubnet},
		{
			name: "killed between network and subnet", network: goodNetwork,
			writes: []string{
				`POST /subnets {"subnet":{"allocation_pools":[{"end":"10.20.1.11","start":"10.20.1.10"},{"end":"10.20.1.20","start":"10.20.1.20"}],"cidr":"10.20.1.0/24","enable_dhcp":false,"gateway_ip":"10.20.1.1","ip_version":4,"name":"provider","network_id":"net1"}}`,
			},
			changed: []string{"subnet made"},
		},
		{
			name: "network differs",
			network: replace(goodNetwork, `"router:external": true`, `"router:external": false`, `1500`, `9001`,
				`"admin_state_up": true`, `"admin_state_up": false`),
			subnet:  goodSubnet,
			writes:  []string{`PUT /networks/net1 {"network":{"admin_state_up":true,"mtu":1500,"router:external":true}}`},
			changed: []string{"network set up", "network made external", "MTU 9001 to 1500"},
		},
		{
			name: "subnet differs", network: goodNetwork,
			subnet: replace(goodSubnet, `"enable_dhcp": false`, `"enable_dhcp": true`, `"10.20.1.1"`, `"10.20.1.254"`,
				`"end": "10.20.1.11"`, `"end": "10.20.1.12"`),
			writes: []string{
				`PUT /subnets/sub1 {"subnet":{"allocation_pools":[{"end":"10.20.1.11","start":"10.20.1.10"},{"end":"10.20.1.20","start":"10.20.1.20"}],"enable_dhcp":false,"gateway_ip":"10.20.1.1"}}`,
			},
			changed: []string{`gateway "10.20.1.254" to 10.20.1.1`, "DHCP off",
				"allocation pools to [{10.20.1.10 10.20.1.11} {10.20.1.20 10.20.1.20}]"},
		},
		{name: "another type", network: replace(goodNetwork, `"flat"`, `"geneve"`), err: "cannot change"},
		{name: "another CIDR", network: goodNetwork, subnet: replace(goodSubnet, "10.20.1.0/24", "10.20.0.0/16"),
			err: "has subnet 10.20.0.0/16"},
		{name: "name taken twice", network: goodNetwork + "," + goodNetwork, err: "2 networks"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFakeCloud(t)
			f.answers["GET /networks"] = `{"networks": [` + c.network + `]}`
			f.answers["GET /subnets"] = `{"subnets": [` + c.subnet + `]}`
			f.answers["POST /networks"] = `{"network": ` + goodNetwork + `}`
			f.answers["POST /subnets"] = `{"subnet": ` + goodSubnet + `}`
			f.answers["PUT /networks/net1"] = f.answers["POST /networks"]
			f.answers["PUT /subnets/sub1"] = f.answers["POST /subnets"]
			seen, err := f.connect(t).EnsureExternal(context.Background(), wanted)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("error %v, want %q", err, c.err)
				}
			} else if err != nil {
				t.Fatal(err)
			} else if d := cmp.Diff(Seen{ID: "net1", SubnetID: "sub1", Changed: c.changed}, seen); d != "" {
				t.Errorf("seen (-want +got):\n%s", d)
			}
			if d := cmp.Diff(c.writes, f.writes); d != "" {
				t.Errorf("writes (-want +got):\n%s", d)
			}
		})
	}
}

// stacked is an External with IPv6.
func stacked() External {
	w := wanted
	w.CIDR6, w.Gateway6 = netip.MustParsePrefix("2001:db8:0:1::/64"), netip.MustParseAddr("2001:db8:0:1::1")
	w.Addresses6 = addrs("2001:db8:0:1::1:0", "2001:db8:0:1::1:1")
	return w
}

const (
	goodSubnet6 = `{"id": "sub6", "name": "provider-ipv6", "network_id": "net1", "ip_version": 6, "cidr": "2001:db8:0:1::/64", "gateway_ip": "2001:db8:0:1::1", "enable_dhcp": false,
		"allocation_pools": [{"start": "2001:db8:0:1::1:0", "end": "2001:db8:0:1::1:1"}], "ipv6_address_mode": null, "ipv6_ra_mode": null}`
	makeSubnet6 = `POST /subnets {"subnet":{"allocation_pools":[{"end":"2001:db8:0:1::1:1","start":"2001:db8:0:1::1:0"}],"cidr":"2001:db8:0:1::/64","enable_dhcp":false,"gateway_ip":"2001:db8:0:1::1","ip_version":6,"name":"provider-ipv6","network_id":"net1"}}`

	gatewayPort6 = `{"id": "gw1", "device_owner": "network:router_gateway", "device_id": "r1", "fixed_ips": [
		{"subnet_id": "sub1", "ip_address": "10.20.1.10"}, {"subnet_id": "sub6", "ip_address": "2001:db8:0:1::1:0"}]}`
	floatingPort6 = `{"id": "fip1", "device_owner": "network:floatingip", "device_id": "f1", "fixed_ips": [
		{"subnet_id": "sub6", "ip_address": "2001:db8:0:1::1:1"}, {"subnet_id": "sub1", "ip_address": "10.20.1.11"}]}`
	guestPort6 = `{"id": "p1", "device_owner": "compute:nova", "device_id": "i1", "fixed_ips": [{"subnet_id": "sub6", "ip_address": "2001:db8:0:1::1:1"}]}`
)

func TestEnsureExternalIPv6(t *testing.T) {
	replace := func(s string, oldnew ...string) string { return strings.NewReplacer(oldnew...).Replace(s) }
	clear := []string{
		`PUT /routers/r1 {"router":{"external_gateway_info":{"enable_snat":false,"external_fixed_ips":[{"ip_address":"10.20.1.10","subnet_id":"sub1"}],"network_id":"net1"}}}`,
		`PUT /ports/fip1 {"port":{"fixed_ips":[{"ip_address":"10.20.1.11","subnet_id":"sub1"}]}}`,
		`DELETE /subnets/sub6`,
	}
	for _, c := range []struct {
		name            string
		want            External
		subnets, ports  []string
		writes, changed []string
		id6, err        string
	}{
		{name: "none there", want: stacked(), subnets: []string{goodSubnet}, writes: []string{makeSubnet6},
			changed: []string{"IPv6 subnet made"}, id6: "sub6"},
		{name: "as it should be", want: stacked(), subnets: []string{goodSubnet6, goodSubnet}, id6: "sub6"},
		{
			name: "differs", want: stacked(),
			subnets: []string{goodSubnet, replace(goodSubnet6, `::1",`, `::2",`, `::1:1"`, `::1:3"`, "false", "true")},
			writes:  []string{`PUT /subnets/sub6 {"subnet":{"allocation_pools":[{"end":"2001:db8:0:1::1:1","start":"2001:db8:0:1::1:0"}],"enable_dhcp":false,"gateway_ip":"2001:db8:0:1::1"}}`},
			changed: []string{`IPv6 gateway "2001:db8:0:1::2" to 2001:db8:0:1::1`, "IPv6 DHCP off",
				"IPv6 allocation pools to [{2001:db8:0:1::1:0 2001:db8:0:1::1:1}]"},
			id6: "sub6",
		},
		{
			name: "switched off", want: wanted, subnets: []string{goodSubnet, goodSubnet6},
			ports:  []string{gatewayPort6, floatingPort6},
			writes: clear, changed: []string{"IPv6 subnet 2001:db8:0:1::/64 removed"},
		},
		{
			name: "AWS has given another block", want: stacked(), ports: []string{gatewayPort6, floatingPort6},
			subnets: []string{goodSubnet, replace(goodSubnet6, "2001:db8:0:1:", "2001:db8:0:2:")},
			writes:  append(clear, makeSubnet6), changed: []string{"IPv6 subnet 2001:db8:0:2::/64 removed", "IPv6 subnet made"},
			id6: "sub6",
		},
		{
			name: "a guest has nothing else", want: wanted, subnets: []string{goodSubnet, goodSubnet6},
			ports: []string{gatewayPort6, guestPort6},
			err:   "removing IPv6 subnet 2001:db8:0:1::/64 of provider: port p1 of compute:nova i1: a port has no other address",
		},
		{name: "somebody else's stays", want: wanted,
			subnets: []string{goodSubnet, replace(goodSubnet6, "provider-ipv6", "mine")}},
		{
			name: "somebody else's is in the way", want: stacked(),
			subnets: []string{goodSubnet, replace(goodSubnet6, "provider-ipv6", "mine", "2001:db8:0:1:", "2001:db8:0:2:")},
			err:     "network provider has IPv6 subnet 2001:db8:0:2::/64, not 2001:db8:0:1::/64",
		},
		{name: "not static", want: stacked(),
			subnets: []string{goodSubnet, replace(goodSubnet6, `"ipv6_address_mode": null`, `"ipv6_address_mode": "slaac"`)},
			err:     `address mode "slaac"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFakeCloud(t)
			inner := f.Config.Handler
			f.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodDelete {
					inner.ServeHTTP(w, r)
					return
				}
				f.writes = append(f.writes, "DELETE "+strings.TrimPrefix(r.URL.Path, "/network/v2.0"))
				w.WriteHeader(http.StatusNoContent)
			})
			f.answers["GET /networks"] = `{"networks": [` + goodNetwork + `]}`
			f.answers["GET /subnets"] = `{"subnets": [` + strings.Join(c.subnets, ",") + `]}`
			f.answers["GET /ports"] = `{"ports": [` + strings.Join(c.ports, ",") + `]}`
			f.answers["GET /routers/r1"] = `{"router": {"id": "r1", "external_gateway_info": {"network_id": "net1", "enable_snat": false, "external_fixed_ips": [
				{"subnet_id": "sub1", "ip_address": "10.20.1.10"}, {"subnet_id": "sub6", "ip_address": "2001:db8:0:1::1:0"}]}}}`
			f.answers["PUT /routers/r1"] = f.answers["GET /routers/r1"]
			f.answers["PUT /ports/fip1"] = `{"port": ` + floatingPort6 + `}`
			f.answers["POST /subnets"] = `{"subnet": ` + goodSubnet6 + `}`
			f.answers["PUT /subnets/sub6"] = f.answers["POST /subnets"]
			seen, err := f.connect(t).EnsureExternal(context.Background(), c.want)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("error %v, want %q", err, c.err)
				}
			} else if err != nil {
				t.Fatal(err)
			} else if d := cmp.Diff(Seen{ID: "net1", SubnetID: "sub1", SubnetID6: c.id6, Changed: c.changed}, seen); d != "" {
				t.Errorf("seen (-want +got):\n%s", d)
			}
			if d := cmp.Diff(c.writes, f.writes); d != "" {
				t.Errorf("writes (-want +got):\n%s", d)
			}
			if q, asked := f.queries["/ports"]; asked && q.Encode() != "fixed_ips=subnet_id%3Dsub6" {
				t.Errorf("asked for ports by %s", q)
			}
		})
	}
}

func TestPools(t *testing.T) {
	got := pools(addrs("10.0.0.9", "10.0.0.255", "10.0.1.0", "10.0.0.9", "10.0.0.10", "10.0.0.20"))
	want := []subnets.AllocationPool{{Start: "10.0.0.9", End: "10.0.0.10"}, {Start: "10.0.0.20", End: "10.0.0.20"},
		{Start: "10.0.0.255", End: "10.0.1.0"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("pools (-want +got):\n%s", d)
	}
}

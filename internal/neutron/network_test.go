package neutron

import (
	"context"
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
			name:    "network differs",
			network: replace(goodNetwork, `"router:external": true`, `"router:external": false`, `1500`, `9001`, `"admin_state_up": true`, `"admin_state_up": false`),
			subnet:  goodSubnet,
			writes:  []string{`PUT /networks/net1 {"network":{"admin_state_up":true,"mtu":1500,"router:external":true}}`},
			changed: []string{"network set up", "network made external", "MTU 9001 to 1500"},
		},
		{
			name: "subnet differs", network: goodNetwork,
			subnet: replace(goodSubnet, `"enable_dhcp": false`, `"enable_dhcp": true`, `"10.20.1.1"`, `"10.20.1.254"`, `"end": "10.20.1.11"`, `"end": "10.20.1.12"`),
			writes: []string{
				`PUT /subnets/sub1 {"subnet":{"allocation_pools":[{"end":"10.20.1.11","start":"10.20.1.10"},{"end":"10.20.1.20","start":"10.20.1.20"}],"enable_dhcp":false,"gateway_ip":"10.20.1.1"}}`,
			},
			changed: []string{`gateway "10.20.1.254" to 10.20.1.1`, "DHCP off", "allocation pools to [{10.20.1.10 10.20.1.11} {10.20.1.20 10.20.1.20}]"},
		},
		{name: "another type", network: replace(goodNetwork, `"flat"`, `"geneve"`), err: "cannot change"},
		{name: "another CIDR", network: goodNetwork, subnet: replace(goodSubnet, "10.20.1.0/24", "10.20.0.0/16"), err: "has subnet 10.20.0.0/16"},
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

func TestPools(t *testing.T) {
	got := pools(addrs("10.0.0.9", "10.0.0.255", "10.0.1.0", "10.0.0.9", "10.0.0.10", "10.0.0.20"))
	want := []subnets.AllocationPool{{Start: "10.0.0.9", End: "10.0.0.10"}, {Start: "10.0.0.20", End: "10.0.0.20"}, {Start: "10.0.0.255", End: "10.0.1.0"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("pools (-want +got):\n%s", d)
	}
}

// SPDX-License-Identifier: Apache-2.0

package neutron

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// pairPort is a port on the external network in Neutron's form.
func pairPort(id, mac, addr, owner, project, vif, host string, pairs ...string) string {
	return fmt.Sprintf(`{"id": %q, "mac_address": %q, "admin_state_up": true, "device_owner": %q, "device_id": "", "project_id": %q, "binding:vif_type": %q, "binding:host_id": %q,
  "fixed_ips": [{"subnet_id": "sub1", "ip_address": %q}], "allowed_address_pairs": [%s]}`, id, mac, owner, project, vif, host, addr, strings.Join(pairs, ","))
}

func pairOf(addr, mac string) string {
	return fmt.Sprintf(`{"ip_address": %q, "mac_address": %q}`, addr, mac)
}

// Which MACs may use an address that a port reserves; pairs allow no others.
func TestClaimants(t *testing.T) {
	const (
		m1, m2, m3, reservedMAC = "fa:16:3e:00:00:01", "fa:16:3e:00:00:02", "fa:16:3e:00:00:03", "fa:16:3e:00:00:50"
		vrrp                    = "00:00:5e:00:01:33"
		vip                     = "10.20.1.50"
	)
	reserved := pairPort("vip", reservedMAC, vip, "", "p1", "unbound", "")
	guest := func(id, mac, project string, pairs ...string) string {
		return pairPort(id, mac, "10.20.1.2"+id[1:], "compute:nova", project, "ovs", "node-1", pairs...)
	}
	first, second := guest("g1", m1, "p1", pairOf(vip, m1)), guest("g2", m2, "p1", pairOf(vip, m2))
	for _, c := range []struct {
		name  string
		ports []string
		addr  string
		want  string // the claimants, or the port's own MAC
	}{
		{"keepalived", []string{reserved, first, second}, vip, m1 + " " + m2 + " " + reservedMAC},
		{"nobody's pair", []string{reserved, guest("g1", m1, "p1")}, vip, reservedMAC},
		{"a block", []string{reserved, guest("g1", m1, "p1", pairOf("10.20.1.0/24", m1))}, vip, m1 + " " + reservedMAC},
		{"a block beside", []string{reserved, guest("g1", m1, "p1", pairOf("10.20.2.0/24", m1))}, vip, reservedMAC},
		{"a virtual router's MAC", []string{reserved, guest("g1", m1, "p1", pairOf(vip, vrrp))}, vip,
			vrrp + " " + reservedMAC},
		{"both", []string{reserved, guest("g1", m1, "p1", pairOf(vip, vrrp), pairOf(vip, m1))}, vip,
			vrrp + " " + m1 + " " + reservedMAC},
		{"somebody else's MAC", []string{reserved, guest("g1", m1, "p1", pairOf(vip, m3))}, vip, reservedMAC},
		{"another project's guest", []string{reserved, guest("g1", m1, "p2", pairOf(vip, m1))}, vip, reservedMAC},
		{"reserved by nobody's project",
			[]string{pairPort("vip", reservedMAC, vip, "", "", "unbound", ""), guest("g1", m1, "", pairOf(vip, m1))}, vip,
			reservedMAC},
		{"a guest that is not plugged in",
			[]string{reserved, pairPort("g1", m1, "10.20.1.21", "compute:nova", "p1", "unbound", "", pairOf(vip, m1))}, vip,
			reservedMAC},
		{"a virtual port that OVN has claimed",
			[]string{pairPort("vip", reservedMAC, vip, "", "p1", "unbound", "node-1"), first}, vip, m1 + " " + reservedMAC},
		{"a load balancer's", []string{pairPort("vip", reservedMAC, vip, "Octavia", "p1", "unbound", ""), first}, vip,
			m1 + " " + reservedMAC},
		{"plugged in", []string{pairPort("vip", reservedMAC, vip, "", "p1", "ovs", "node-1"), first}, vip,
			"own " + reservedMAC},
		{"another guest's", []string{pairPort("vip", reservedMAC, vip, "compute:nova", "p1", "ovs", "node-1"), first}, vip,
			"own " + reservedMAC},
		{"a stopped guest's", []string{pairPort("vip", reservedMAC, vip, "compute:nova", "p1", "unbound", ""), first}, vip,
			"own " + reservedMAC},
		{"a router's", []string{guest("g1", m1, "", pairOf("10.20.1.10", m1))}, "10.20.1.10", "own fa:16:3e:11:22:33"},
		{"a floating IP in use", []string{guest("g1", m1, "p1", pairOf("10.20.1.12", m1))}, "10.20.1.12",
			"own fa:16:3e:44:55:66"},
		{"a floating IP that waits", []string{guest("g1", m1, "p1", pairOf("10.20.1.14", m1))}, "10.20.1.14", "own "},
		{"reserved by no port", []string{first, second}, vip, "nobody's"},
	} {
		f, p := recorded(t)
		f.answers["GET /ports"] = strings.Replace(recordedPorts, gatewayPorts, gatewayPorts+","+strings.Join(c.ports, ","), 1)
		all, err := p.ProviderAddresses(context.Background())
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		got := "nobody's"
		for _, a := range all {
			if a.Addr != netip.MustParseAddr(c.addr) {
				continue
			}
			if got = "own " + a.MAC.String(); len(a.Claimants) > 0 {
				got = joinMACs(a.Claimants)
				if a.MAC != nil || !a.Active || a.Kind != KindPort {
					t.Errorf("%s: %+v", c.name, a)
				}
			}
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}
}

func joinMACs(macs []net.HardwareAddr) string {
	var texts []string
	for _, m := range macs {
		texts = append(texts, m.String())
	}
	return strings.Join(texts, " ")
}

// Unreadable pairs allow nothing, and exclude nobody.
func TestUnreadablePairs(t *testing.T) {
	const m1, m2 = "fa:16:3e:00:00:01", "fa:16:3e:00:00:02"
	f, p := recorded(t)
	f.answers["GET /ports"] = `{"ports": [` + strings.Join([]string{
		pairPort("vip", "fa:16:3e:00:00:50", "10.20.1.50", "", "p1", "unbound", ""),
		pairPort("g1", m1, "10.20.1.21", "compute:nova", "p1", "ovs", "node-1",
			pairOf("10.20.1.50", ""), pairOf("10.20.1", m1), pairOf("10.20.1.0/40", m1), pairOf("", m1),
			pairOf("10.20.1.50", "00:00:00:00:00:00:00:01")),
		pairPort("g2", m2, "10.20.1.22", "compute:nova", "p1", "ovs", "node-1", pairOf("10.20.1.50/32", m2)),
	}, ",") + `]}`
	all, err := p.ProviderAddresses(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(a Address) bool { return a.ID == "vip" })
	if d := cmp.Diff(m2+" fa:16:3e:00:00:50", joinMACs(all[i].Claimants)); d != "" {
		t.Errorf("claimants (-want +got):\n%s", d)
	}
}

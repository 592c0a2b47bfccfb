// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
)

// agentRange is Neutron's allocation pool.
var agentRange = netip.MustParsePrefix("10.20.96.0/19")

const (
	agentNetwork   = "6a1c6f2e-5d0b-4f3a-9e0e-0c3b7a7d1f00"
	agentSubnetID  = "7b2d7f3f-6e1c-4a4b-8f1f-1d4c8b8e2a11"
	routersInTen   = 1 // out of ten addresses; the others are floating IPs
	agentTokenText = "gAAAAABtoken"
)

// agentCloud is a Keystone and a Neutron over HTTP, with the fields of Neutron 2025.1 under
// OVN. One in ten addresses is a router's, the others are floating IPs in use; the nodes
// have equal shares.
type agentCloud struct {
	hosts     []string // by address
	ports     []map[string]any
	floating  []map[string]any
	mu        sync.Mutex
	tags      map[string][]string // of floating IPs, by ID
	addressOf map[string]netip.Addr
}

func gatewayName(n int) string { return fmt.Sprintf("gw-%d", n+1) }

func agentID(kind, n int) string {
	return fmt.Sprintf("%08x-3c4d-4e5f-8a6b-%012x", 0x9e3779b1*uint32(n+1)+uint32(kind), n<<8+kind)
}

func newAgentCloud(addresses, gateways int) *agentCloud {
	c := &agentCloud{tags: map[string][]string{}, addressOf: map[string]netip.Addr{}}
	const made = "2025-11-03T09:14:27Z"
	perNode := addresses / gateways
	for n := range addresses {
		addr, host, project := nthOf(agentRange, n+1), gatewayName(n/perNode), strings.ReplaceAll(agentID(1, n/10), "-", "")
		c.hosts = append(c.hosts, host)
		router, id := agentID(2, n/10), agentID(3, n)
		port := map[string]any{
			"id": agentID(4, n), "name": "", "network_id": agentNetwork, "tenant_id": "", "project_id": "",
			"mac_address": fmt.Sprintf("fa:16:3e:%02x:%02x:%02x", n>>16, n>>8&0xff, n&0xff), "admin_state_up": true,
			"status":    "N/A",
			"device_id": id, "device_owner": "network:floatingip",
			"fixed_ips":             []any{map[string]any{"subnet_id": agentSubnetID, "ip_address": addr.String()}},
			"allowed_address_pairs": []any{}, "extra_dhcp_opts": []any{}, "security_groups": []any{}, "description": "",
			"binding:vnic_type": "normal", "binding:profile": map[string]any{}, "binding:host_id": "",
			"binding:vif_type": "unbound", "binding:vif_details": map[string]any{},
			"port_security_enabled": false, "qos_policy_id": nil, "qos_network_policy_id": nil, "resource_request": nil,
			"ip_allocation":           "immediate",
			"propagate_uplink_status": nil, "numa_affinity_policy": nil, "hints": nil, "hardware_offload_type": nil,
			"trusted": nil,
			"tags":    []string{}, "created_at": made, "updated_at": made, "revision_number": 1,
		}
		c.ports = append(c.ports, port)
		if n%10 < routersInTen {
			port["device_owner"], port["device_id"], port["status"] = "network:router_gateway", router, "ACTIVE"
			port["binding:host_id"], port["binding:vif_type"] = host, "ovs"
			port["binding:vif_details"] = map[string]any{"port_filter": true, "connectivity": "l2", "bridge_name": "br-int",
				"datapath_type": "system", "bound_drivers": map[string]any{"0": "ovn"}}
			port["revision_number"] = 5
			continue
		}
		c.addressOf[id] = addr
		fixed := fmt.Sprintf("192.168.%d.%d", n/10%200, 10+n%10)
		c.floating = append(c.floating, map[string]any{
			"id": id, "tenant_id": project, "project_id": project, "floating_ip_address": addr.String(),
			"floating_network_id": agentNetwork,
			"router_id":           router, "port_id": agentID(5, n), "fixed_ip_address": fixed, "status": "ACTIVE",
			"description": "",
			"dns_domain":  "", "dns_name": "", "qos_policy_id": nil, "qos_network_policy_id": nil, "port_forwardings": []any{},
			"port_details": map[string]any{"name": fmt.Sprintf("web-%d", n), "network_id": agentID(6, n/10),
				"mac_address":    fmt.Sprintf("fa:16:3f:%02x:%02x:%02x", n>>16, n>>8&0xff, n&0xff),
				"admin_state_up": true, "status": "ACTIVE", "device_id": agentID(7, n), "device_owner": "compute:nova"},
			"tags": []string{}, "created_at": made, "updated_at": made, "revision_number": 3,
		})
	}
	return c
}

// host returns the node of an address.
func (c *agentCloud) host(n int) string { return c.hosts[n] }

// told returns how many floating IPs are tagged with their public address.
func (c *agentCloud) told() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.tags)
}

const agentCatalog = `{"token": {"methods": ["password"], "expires_at": "2099-01-01T00:00:00.000000Z", "issued_at": "2026-01-01T00:00:00.000000Z",
  "user": {"domain": {"id": "default", "name": "Default"}, "id": "b1", "name": "macaw"}, "project": {"domain": {"id": "default", "name": "Default"}, "id": "p1", "name": "service"},
  "roles": [{"id": "r1", "name": "admin"}], "catalog": [{"type": "network", "name": "neutron", "id": "n1", "endpoints": [
    {"id": "e1", "interface": "public", "region": "RegionOne", "region_id": "RegionOne", "url": "http://HOST/network"}]}]}}`

// ServeHTTP answers as Keystone and Neutron do.
func (c *agentCloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, isNeutron := strings.CutPrefix(r.URL.Path, "/network/v2.0/")
	switch {
	case r.URL.Path == "/v3/auth/tokens":
		w.Header().Set("X-Subject-Token", agentTokenText)
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, strings.ReplaceAll(agentCatalog, "HOST", r.Host))
	case r.URL.Path == "/v3/":
		fmt.Fprintf(w, `{"version": {"id": "v3.14", "status": "stable", "links": [{"rel": "self", "href": "http://%s/v3/"}]}}`, r.Host)
	case r.URL.Path == "/network/":
		fmt.Fprintf(w, `{"versions": [{"id": "v2.0", "status": "CURRENT", "links": [{"rel": "self", "href": "http://%s/network/v2.0/"}]}]}`, r.Host)
	case !isNeutron || r.Header.Get("X-Auth-Token") != agentTokenText:
		w.WriteHeader(http.StatusUnauthorized)
	case path == "networks":
		c.answer(w, r, path, []map[string]any{{
			"id": agentNetwork, "name": "public", "tenant_id": "", "project_id": "", "admin_state_up": true, "mtu": 1500,
			"status": "ACTIVE", "subnets": []string{agentSubnetID},
			"shared": false, "router:external": true, "provider:network_type": "flat", "provider:physical_network": "provider",
			"provider:segmentation_id": nil,
			"availability_zone_hints":  []string{}, "availability_zones": []string{}, "ipv4_address_scope": nil,
			"ipv6_address_scope": nil, "description": "",
			"port_security_enabled": true, "qos_policy_id": nil, "is_default": false, "vlan_transparent": nil, "vlan_qinq": nil,
			"l2_adjacency": true, "dns_domain": "",
			"tags": []string{}, "created_at": "2025-11-03T09:14:27Z", "updated_at": "2025-11-03T09:14:27Z", "revision_number": 2}})
	case path == "ports":
		c.answer(w, r, path, c.ports)
	case path == "floatingips":
		c.answer(w, r, path, c.floating)
	case r.Method == http.MethodPut && strings.Contains(path, "/tags/"):
		id, tag, _ := strings.Cut(strings.TrimPrefix(path, "floatingips/"), "/tags/")
		c.mu.Lock()
		c.tags[id] = append(c.tags[id], tag)
		c.mu.Unlock()
		w.WriteHeader(http.StatusCreated)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// answer writes a collection: the elements and fields that the request selects.
func (c *agentCloud) answer(w http.ResponseWriter, r *http.Request, collection string, all []map[string]any) {
	query := r.URL.Query()
	fields := query["fields"]
	delete(query, "fields")
	out := []map[string]any{}
	for _, element := range all {
		fits := true
		for name, values := range query {
			if text, is := element[name].(string); is && !slices.Contains(values, text) {
				fits = false
			}
		}
		if !fits {
			continue
		}
		shown := make(map[string]any, len(element))
		for name, value := range element {
			if len(fields) == 0 || slices.Contains(fields, name) {
				shown[name] = value
			}
		}
		c.mu.Lock()
		if id, _ := element["id"].(string); c.tags[id] != nil && shown["tags"] != nil {
			shown["tags"] = slices.Clone(c.tags[id])
		}
		c.mu.Unlock()
		out = append(out, shown)
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]any{collection: out})
}

// SPDX-License-Identifier: Apache-2.0

package node

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"macaw.example/internal/model"
	"macaw.example/internal/nodeapi"
)

// The controller tells names and closed computes, and what it knows if a service refuses.
func TestOverview(t *testing.T) {
	answers := map[string]string{
		"/network/v2.0/networks":    `{"networks": [{"id": "net", "name": "public", "router:external": true, "provider:network_type": "flat"}]}`,
		"/network/v2.0/routers":     `{"routers": [{"id": "r1", "name": "edge"}]}`,
		"/network/v2.0/floatingips": `{"floatingips": []}`,
		"/network/v2.0/ports": `{"ports": [{"id": "gw", "mac_address": "fa:16:3e:00:00:01", "admin_state_up": true,
			"device_owner": "network:router_gateway", "device_id": "r1", "fixed_ips": []},
			{"id": "p1", "mac_address": "fa:16:3e:00:00:02", "admin_state_up": true,
			"device_owner": "compute:nova", "device_id": "s1", "project_id": "demo-id", "fixed_ips": []}]}`,
		"/compute/v2.1/servers": `{"servers": [{"id": "s1", "name": "web"}]}`,
		"/v3/projects":          `{"projects": [{"id": "demo-id", "name": "demo"}], "links": {}}`,
		"/compute/v2.1/os-services": `{"services": [
			{"id": "1", "binary": "nova-compute", "host": "cmp-1", "status": "disabled", "disabled_reason": "macaw node drain", "state": "up"},
			{"id": "2", "binary": "nova-compute", "host": "cmp-2", "status": "enabled", "disabled_reason": null, "state": "up"}]}`,
	}
	refused := map[string]bool{}
	var srv *httptest.Server
	srv = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		path := strings.TrimSuffix(r.URL.Path, "/")
		switch {
		case path == "/v3/auth/tokens":
			w.Header().Set("X-Subject-Token", "token")
			w.WriteHeader(http.StatusCreated)
			fmt.Fprintf(w, `{"token": {"expires_at": "2099-01-01T00:00:00.000000Z", "catalog": [
				{"type": "network", "endpoints": [{"interface": "internal", "region": "r", "region_id": "r", "url": "%[1]s/network"}]},
				{"type": "compute", "endpoints": [{"interface": "internal", "region": "r", "region_id": "r", "url": "%[1]s/compute/v2.1"}]},
				{"type": "identity", "endpoints": [{"interface": "internal", "region": "r", "region_id": "r", "url": "%[1]s/v3"}]}]}}`,
				srv.URL)
		case path == "/v3" || path == "/compute/v2.1":
			fmt.Fprintf(w, `{"version": {"id": "%s", "status": "CURRENT", "links": [{"rel": "self", "href": "%s%s"}]}}`,
				map[string]string{"/v3": "v3.14", "/compute/v2.1": "v2.1"}[path], srv.URL, r.URL.Path)
		case path == "/network":
			fmt.Fprintf(w, `{"versions": [{"id": "v2.0", "status": "CURRENT", "links": [{"rel": "self", "href": "%s/network/v2.0/"}]}]}`,
				srv.URL)
		case refused[path]:
			w.WriteHeader(http.StatusForbidden)
		case answers[path] == "":
			t.Errorf("unexpected request %s", r.URL)
			w.WriteHeader(http.StatusNotFound)
		default:
			fmt.Fprint(w, answers[path])
		}
	}))
	defer srv.Close()

	want := nodeapi.Overview{
		Owners:  map[string]string{"r1": "router edge", "p1": "server web"},
		Drained: []nodeapi.Drained{{Node: "cmp-1", Role: model.Compute, Reason: "macaw node drain"}},
	}
	got, err := overview(t.Context(), srv.URL+"/v3", "r", "secret", true)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	refused["/v3/projects"], refused["/compute/v2.1/os-services"] = true, true
	want.Drained = []nodeapi.Drained{}
	got, err = overview(t.Context(), srv.URL+"/v3", "r", "secret", true)
	if err == nil || !strings.Contains(err.Error(), "projects") || !strings.Contains(err.Error(), "compute nodes") {
		t.Errorf("with refusals: %v", err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("with refusals (-want +got):\n%s", diff)
	}
	gateway := nodeapi.OpenStack{Node: "gw-1", Roles: []model.Role{model.Gateway}}
	if _, err := Overview(t.Context(), gateway, true); err == nil {
		t.Error("a gateway answers for the cloud")
	}
}

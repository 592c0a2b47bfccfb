// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	computeservices "github.com/gophercloud/gophercloud/v2/openstack/compute/v2/services"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/agents"

	"macaw.example/internal/hint"
	"macaw.example/internal/nodeapi"
)

func TestPlanFormer(t *testing.T) {
	service := func(host, reason string) computeservices.Service {
		return computeservices.Service{Host: host, DisabledReason: reason}
	}
	seen := knownHosts{
		services: []computeservices.Service{service("ctl", ""), service("cmp", nodeapi.RemovalReason), service("old-1", ""),
			service("gw-1", "macaw node drain"), service("old-1", nodeapi.RemovalReason)},
		agents:  []agents.Agent{{Host: "gw-2"}, {Host: "old-2"}, {Host: "old-1"}},
		chassis: []string{"gw-1", "gw-2", "old-3"},
	}
	former, closed := planFormer(specs()["controller"], seen)
	if diff := cmp.Diff([]string{"old-1", "old-2", "old-3"}, former); diff != "" {
		t.Errorf("former nodes (-want +got):\n%s", diff)
	}
	if len(closed) != 1 || closed[0].Host != "cmp" {
		t.Errorf("closed nodes: %+v", closed)
	}
	one := allInOne()
	former, _ = planFormer(
		one,
		knownHosts{services: []computeservices.Service{service(one.Node, ""), service("ctl", "")}},
	)
	if diff := cmp.Diff([]string{"ctl"}, former); diff != "" {
		t.Errorf("of a cloud that has one node again (-want +got):\n%s", diff)
	}
}

func TestKnowsItself(t *testing.T) {
	seen := knownHosts{services: []computeservices.Service{{Host: "ctl.internal"}}}
	spec := specs()["controller"]
	if err := knowsItself(spec, seen, []string{"ctl.internal"}); err == nil || len(hint.All(err)) != 1 {
		t.Errorf("under another name: %v", err)
	}
	if err := knowsItself(spec, seen, nil); err != nil {
		t.Errorf("with nothing to forget: %v", err)
	}
	seen.services = append(seen.services, computeservices.Service{Host: spec.Node})
	if err := knowsItself(spec, seen, []string{"old"}); err != nil {
		t.Error(err)
	}
}

// fakeServices are a cloud's, which forget nodes one by one. guest is on the node old.
type fakeServices struct {
	*httptest.Server
	left  []string // things of the node old
	guest bool
	shut  bool // the node cmp takes no guests
}

const tokenOfAll = `{"token": {"methods": ["password"], "expires_at": "2099-01-01T00:00:00.000000Z",
  "issued_at": "2026-01-01T00:00:00.000000Z", "user": {"id": "u", "name": "admin", "domain": {"id": "d", "name": "Default"}},
  "project": {"id": "p", "name": "admin", "domain": {"id": "d", "name": "Default"}}, "catalog": [%s]}}`

func newServices(t *testing.T) *fakeServices {
	t.Helper()
	s := &fakeServices{
		left: []string{"service", "provider", "mapping", "agent", "Chassis", "Chassis_Private"},
		shut: true,
	}
	mux := http.NewServeMux()
	answer := func(pattern, what, with, without string) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			text := without
			if slices.Contains(s.left, what) {
				text = with
			}
			fmt.Fprint(w, text)
		})
	}
	remove := func(pattern, what string) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, _ *http.Request) {
			s.left = slices.DeleteFunc(s.left, func(l string) bool { return l == what })
			w.WriteHeader(http.StatusNoContent)
		})
	}
	mux.HandleFunc("POST /v3/auth/tokens", func(w http.ResponseWriter, _ *http.Request) {
		var all []string
		for _, kind := range []string{"compute", "network", "placement"} {
			path := map[string]string{"compute": "/compute/v2.1", "network": "/network", "placement": "/placement"}[kind]
			all = append(all, fmt.Sprintf(`{"type": %q, "name": %[1]q, "id": %[1]q, "endpoints": [{"id": %[1]q,
			 "interface": "internal", "region": "RegionOne", "region_id": "RegionOne", "url": "%s%s"}]}`, kind, s.URL, path))
		}
		w.Header().Set("X-Subject-Token", "token")
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, tokenOfAll, strings.Join(all, ","))
	})
	mux.HandleFunc("GET /network/{$}", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"versions": [{"id": "v2.0", "status": "CURRENT",
		 "links": [{"rel": "self", "href": "%s/network/v2.0/"}]}]}`, s.URL)
	})
	mux.HandleFunc("GET /placement/{$}", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"versions": [{"id": "v1.0", "status": "CURRENT", "min_version": "1.0", "max_version": "1.39",
		 "links": [{"rel": "self", "href": "%s/placement/"}]}]}`, s.URL)
	})
	mux.HandleFunc("GET /compute/v2.1/servers/detail", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if s.guest && r.URL.Query().Get("host") == "old" {
			fmt.Fprint(w, `{"servers": [{"id": "g1", "name": "web", "status": "ACTIVE"}]}`)
			return
		}
		fmt.Fprint(w, `{"servers": []}`)
	})
	mux.HandleFunc("GET /compute/v2.1/os-services", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		reason := ""
		if s.shut {
			reason = nodeapi.RemovalReason
		}
		var all []string
		for host, id := range map[string]string{"cmp": "7", "old": "8", "ctl": "9"} {
			if want := r.URL.Query().Get("host"); (want == "" || want == host) &&
				(host != "old" || slices.Contains(s.left, "service")) {
				all = append(
					all,
					fmt.Sprintf(`{"id": %q, "host": %q, "binary": "nova-compute", "disabled_reason": %q}`, id, host,
						map[string]string{"cmp": reason}[host]),
				)
			}
		}
		fmt.Fprintf(w, `{"services": [%s]}`, strings.Join(all, ","))
	})
	remove("DELETE /compute/v2.1/os-services/8", "service")
	mux.HandleFunc("PUT /compute/v2.1/os-services/7", func(w http.ResponseWriter, r *http.Request) {
		s.shut = r.Header.Get("OpenStack-API-Version") != "compute "+servicesVersion
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"service": {"id": "7"}}`)
	})
	answer("GET /network/v2.0/agents", "agent", `{"agents": [{"id": "9", "host": "old", "binary": "ovn-controller"}]}`,
		`{"agents": []}`)
	remove("DELETE /network/v2.0/agents/9", "agent")
	answer("GET /placement/resource_providers", "provider", `{"resource_providers": [{"uuid": "6", "name": "old"}]}`,
		`{"resource_providers": []}`)
	remove("DELETE /placement/resource_providers/6", "provider")
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

// run is a node's, with OVN's southbound database and Nova's.
func (s *fakeServices) run(_ context.Context, c command) (string, error) {
	has := func(what string) bool { return slices.Contains(s.left, what) }
	drop := func(what string) { s.left = slices.DeleteFunc(s.left, func(l string) bool { return l == what }) }
	switch line := strings.Join(c.Args, " "); {
	case c.Args[0] == "mariadb" && strings.Contains(c.Stdin, "nova.migrations"):
		return "0\n", nil
	case c.Args[0] == "mariadb" && has("mapping"):
		drop("mapping")
		return "1\n", nil
	case c.Args[0] == "mariadb":
		return "0\n", nil
	case strings.HasSuffix(line, "list Chassis") && has("Chassis"):
		return "cmp\nold\n", nil
	case strings.HasSuffix(line, "list Chassis"):
		return "cmp\n", nil
	case strings.Contains(line, "find Chassis ") && has("Chassis"):
		return "u1\n", nil
	case strings.Contains(line, "find Chassis_Private") && has("Chassis_Private"):
		return "u2\n", nil
	case strings.Contains(line, "chassis-del old"):
		drop("Chassis")
	case strings.Contains(line, "destroy Chassis_Private u2"):
		drop("Chassis_Private")
	case !strings.Contains(line, " find "):
		return "", errors.New("unknown command " + line)
	}
	return "", nil
}

func TestForgetFormer(t *testing.T) {
	s := newServices(t)
	spec := specs()["controller"]
	n := &node{spec: spec, run: s.run}
	c := &client{url: s.URL + "/v3", region: "RegionOne", password: func() string { return "x" }}
	s.guest = true
	all := len(s.left)
	err := n.forgetFormer(c)(t.Context())
	if err == nil || !strings.Contains(err.Error(), "web (g1, ACTIVE)") ||
		!strings.Contains(err.Error(), "node old is not in") ||
		len(s.left) != all {
		t.Errorf("with a guest: %v; left %q", err, s.left)
	}
	if h := strings.Join(hint.All(err), "\n"); !strings.Contains(h, "macaw node evacuate FILE old") {
		t.Errorf("hints %q", h)
	}
	if s.shut {
		t.Error("a node that the file has again takes no guests")
	}
	s.guest = false
	if err := n.forgetFormer(c)(t.Context()); err != nil || len(s.left) > 0 {
		t.Errorf("%v; left %q", err, s.left)
	}
	if err := n.forgetFormer(c)(t.Context()); !errors.Is(err, errNothingToDo) {
		t.Errorf("again: %v", err)
	}
	// A run that was killed has left this.
	s.left = []string{"Chassis", "Chassis_Private"}
	if err := n.forgetFormer(c)(t.Context()); err != nil || len(s.left) > 0 {
		t.Errorf("after a killed run: %v; left %q", err, s.left)
	}
}

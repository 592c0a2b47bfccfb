// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/agents"

	"macaw.example/internal/hint"
)

// fakeCloud is the part of a cloud's APIs about its nodes. Deletions change it.
type fakeCloud struct {
	services  []map[string]any // Nova's
	providers []map[string]any
	agents    []map[string]any
	servers   []map[string]any
	deleted   []string // paths
}

func (f *fakeCloud) client(t *testing.T) *client {
	srv := httptest.NewServer(f)
	t.Cleanup(srv.Close)
	return &client{url: srv.URL + "/v3", region: "RegionOne", password: func() string { return "x" }}
}

func (f *fakeCloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	answer := func(v any) { _ = json.NewEncoder(w).Encode(v) }
	where := func(all []map[string]any, key string) []map[string]any {
		found := []map[string]any{}
		for _, one := range all {
			if host := r.URL.Query().Get("host"); host == "" || one[key] == host {
				found = append(found, one)
			}
		}
		return found
	}
	path := r.URL.Path
	if r.Method == http.MethodDelete {
		id := path[strings.LastIndex(path, "/")+1:]
		f.deleted = append(f.deleted, path)
		for _, all := range []*[]map[string]any{&f.services, &f.providers, &f.agents} {
			*all = slices.DeleteFunc(*all, func(one map[string]any) bool {
				return fmt.Sprint(one["id"]) == id || one["uuid"] == id
			})
		}
		w.WriteHeader(http.StatusNoContent)
		return
	}
	switch {
	case path == "/v3/auth/tokens":
		base := "http://" + r.Host
		catalog := []any{}
		for kind, at := range map[string]string{
			"compute": "/compute/v2.1", "network": "/network", "placement": "/placement",
		} {
			catalog = append(catalog, map[string]any{"type": kind, "name": kind, "endpoints": []any{map[string]any{
				"interface": "internal", "region": "RegionOne", "region_id": "RegionOne", "url": base + at}}})
		}
		w.Header().Set("X-Subject-Token", "t")
		w.WriteHeader(http.StatusCreated)
		answer(map[string]any{"token": map[string]any{"expires_at": time.Now().Add(time.Hour).UTC().Format(time.RFC3339),
			"catalog": catalog}})
	case path == "/placement/" || path == "/network/":
		id := map[string]string{"/placement/": "v1.0", "/network/": "v2.0"}[path]
		answer(map[string]any{"versions": []any{map[string]any{"id": id, "status": "CURRENT",
			"links": []any{map[string]any{"rel": "self", "href": "http://" + r.Host + path}}}}})
	case strings.HasSuffix(path, "/os-services"):
		if r.Header.Get("X-OpenStack-Nova-API-Version") != servicesVersion { // without it Nova hides forced_down
			for _, s := range f.services {
				defer func(had any) { s["forced_down"] = had }(s["forced_down"])
				delete(s, "forced_down")
			}
		}
		answer(map[string]any{"services": where(f.services, "host")})
	case strings.HasSuffix(path, "/servers/detail"):
		if r.URL.Query().Get("all_tenants") == "" {
			http.Error(w, "not every project's", http.StatusBadRequest)
			return
		}
		answer(map[string]any{"servers": where(f.servers, "host")})
	case strings.HasSuffix(path, "/p-2/allocations"):
		answer(map[string]any{"allocations": map[string]any{"a-migration": map[string]any{}, "s-2": map[string]any{}}})
	case strings.Contains(path, "/servers/") && strings.HasSuffix(path, "/s-2"):
		answer(map[string]any{"server": map[string]any{"id": "s-2"}})
	case strings.HasSuffix(path, "/resource_providers"):
		answer(map[string]any{"resource_providers": f.providers})
	case strings.HasSuffix(path, "/agents"):
		answer(map[string]any{"agents": where(f.agents, "host")})
	default:
		http.NotFound(w, r)
	}
}

func someCloud() *fakeCloud {
	agent := func(id, host, binary, kind string) map[string]any {
		return map[string]any{"id": id, "host": host, "binary": binary, "agent_type": kind, "alive": true}
	}
	return &fakeCloud{
		services: []map[string]any{
			{"id": 1, "binary": "nova-compute", "host": "gw-1", "state": "up"},
			{"id": 2, "binary": "nova-compute", "host": "cmp", "state": "up"},
			{"id": 3, "binary": "nova-scheduler", "host": "ctl", "state": "up"},
		},
		providers: []map[string]any{{"uuid": "p-1", "name": "gw-1"}, {"uuid": "p-2", "name": "cmp"}},
		agents: []map[string]any{
			agent("a-1", "gw-1", "ovn-controller", "OVN Controller Gateway agent"),
			agent("a-2", "gw-1", "neutron-ovn-metadata-agent", "OVN Metadata agent"),
			agent("a-3", "gw-2", "ovn-controller", "OVN Controller Gateway agent"),
			agent("a-4", "cmp", "ovn-controller", "OVN Controller agent"),
			agent("a-5", "cmp", "neutron-ovn-metadata-agent", "OVN Metadata agent"),
		},
	}
}

// ovnRunner is a database of OVN with these chassis, and MariaDB with mappings, and with two migrations of the
// node "cmp" if "migrations" is mapped.
func ovnRunner(chassis *[]string, mapped map[string]bool) runner {
	return func(_ context.Context, c command) (string, error) {
		line := strings.Join(c.Args, " ")
		switch {
		case c.Args[0] == "mariadb" && strings.Contains(c.Stdin, "nova.migrations"):
			if mapped["migrations"] && strings.Contains(c.Stdin, "'cmp'") {
				delete(mapped, "migrations")
				return "2\n", nil
			}
			return "0\n", nil
		case c.Args[0] == "mariadb":
			for name := range mapped {
				if strings.Contains(c.Stdin, "'"+name+"'") {
					delete(mapped, name)
					return "1\n", nil
				}
			}
			return "0\n", nil
		case strings.HasSuffix(line, "list Chassis"):
			return strings.Join(*chassis, "\n\n") + "\n", nil
		case strings.Contains(line, " find Chassis"):
			for _, name := range *chassis {
				if strings.HasSuffix(line, "name="+name) {
					return "uuid-of-" + name + "\n", nil
				}
			}
			return "", nil
		case strings.Contains(line, "chassis-del"): // with its row in Chassis_Private
			*chassis = slices.DeleteFunc(*chassis, func(name string) bool { return strings.HasSuffix(line, " "+name) })
			return "", nil
		}
		return "", fmt.Errorf("unexpected command %q", line)
	}
}

func TestAwaitPeers(t *testing.T) {
	chassis := []string{"gw-1", "gw-2", "cmp"}
	var notes []string
	n := &node{spec: specs()["controller"], run: ovnRunner(&chassis, nil),
		note: func(_, text string) { notes = append(notes, text) }}
	limited, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	if err := n.awaitPeers(someCloud().client(t))(limited); !errors.Is(err, errNothingToDo) || len(notes) > 0 {
		t.Errorf("with all nodes there: %v, said %q", err, notes)
	}
	chassis = chassis[:2]
	ctx, cancel := context.WithCancel(t.Context())
	n.note = func(_, text string) { notes = append(notes, text); cancel() }
	err := n.awaitPeers(someCloud().client(t))(ctx)
	if err == nil || !strings.Contains(err.Error(), "cmp: it is not in OVN") || len(notes) != 1 {
		t.Errorf("without the chassis of cmp: %v, said %q", err, notes)
	}
	if hints := strings.Join(hint.All(err), " "); !strings.Contains(hints, "macaw ssh FILE cmp ") {
		t.Errorf("hints %q do not say where to look", hints)
	}
}

// Nova calls a node that was evacuated down until the operator lifts that. If it reports, it is not waited for.
func TestAwaitForcedDown(t *testing.T) {
	cloud, chassis := someCloud(), []string{"gw-1", "gw-2", "cmp"}
	gw := cloud.services[0]
	gw["state"], gw["forced_down"] = "down", true
	reported := func(ago time.Duration) {
		gw["updated_at"] = time.Now().Add(-ago).UTC().Format(gophercloud.RFC3339MilliNoZ)
	}
	var notes []string
	n := &node{spec: specs()["controller"], run: ovnRunner(&chassis, nil),
		note: func(_, text string) { notes = append(notes, text) }}
	reported(5 * time.Second)
	limited, stop := context.WithTimeout(t.Context(), 5*time.Second)
	defer stop()
	err := n.awaitPeers(cloud.client(t))(limited)
	if !errors.Is(err, errNothingToDo) || len(notes) != 1 || !strings.Contains(notes[0], "macaw node enable FILE gw-1") {
		t.Errorf("one that reports: %v, said %q", err, notes)
	}
	reported(2 * time.Minute)
	limited, stop = context.WithTimeout(t.Context(), time.Second)
	defer stop()
	err = n.awaitPeers(cloud.client(t))(limited)
	if err == nil || !strings.Contains(err.Error(), "gw-1: nova-compute is not up") {
		t.Errorf("one that does not: %v", err)
	}
}

func TestMissingPeers(t *testing.T) {
	peers := others(specs()["controller"])
	whole := func() seenPeers {
		var all []agents.Agent
		for _, a := range someCloud().agents {
			all = append(all, agents.Agent{Host: a["host"].(string), Binary: a["binary"].(string),
				AgentType: a["agent_type"].(string), Alive: true})
		}
		return seenPeers{computes: []string{"gw-1", "cmp"}, inventory: []string{"gw-1", "cmp"},
			chassis: []string{"gw-1", "gw-2", "cmp"}, agents: all}
	}
	for _, tt := range []struct {
		name   string
		change func(*seenPeers)
		want   []string
	}{
		{"all there", func(*seenPeers) {}, nil},
		{"nothing there", func(s *seenPeers) { *s = seenPeers{} }, []string{"gw-1: nova-compute is not up, it is not in OVN",
			"gw-2: it is not in OVN", "cmp: nova-compute is not up, it is not in OVN"}},
		{"no inventory", func(s *seenPeers) { s.inventory = nil }, []string{
			"gw-1: it has not registered its inventory with Placement",
			"cmp: it has not registered its inventory with Placement"}},
		{"a dead agent", func(s *seenPeers) { s.agents[1].Alive = false },
			[]string{"gw-1: Neutron calls its neutron-ovn-metadata-agent dead"}},
		{"no agent", func(s *seenPeers) { s.agents = slices.Delete(s.agents, 2, 3) },
			[]string{"gw-2: Neutron does not list its ovn-controller"}},
		{"no gateway", func(s *seenPeers) { s.agents[2].AgentType = "OVN Controller agent" },
			[]string{"gw-2: Neutron does not know it as a gateway"}},
	} {
		seen := whole()
		tt.change(&seen)
		got, names := missingPeers(peers, seen)
		if diff := cmp.Diff(tt.want, got); diff != "" || len(names) != len(got) {
			t.Errorf("%s: nodes %q (-want +got):\n%s", tt.name, names, diff)
		}
	}
}

func TestForget(t *testing.T) {
	cloud := someCloud()
	chassis, mapped := []string{"gw-1", "gw-2", "cmp"}, map[string]bool{"cmp": true, "gw-1": true, "migrations": true}
	n := &node{spec: specs()["controller"], run: ovnRunner(&chassis, mapped)}
	c := cloud.client(t)
	forget := func() (removed []string, err error) {
		err = n.forget(t.Context(), c, "cmp", false, func(what string) { removed = append(removed, what) })
		return removed, err
	}
	cloud.servers = []map[string]any{{"id": "s-1", "name": "web", "status": "ACTIVE", "host": "cmp"},
		{"id": "s-2", "name": "other", "status": "ACTIVE", "host": "gw-1"}}
	removed, err := forget()
	if err == nil || !strings.Contains(err.Error(), "guests are on it: web (s-1, ACTIVE)") || len(removed) > 0 ||
		len(cloud.deleted) > 0 || len(chassis) != 3 {
		t.Errorf("with a guest: removed %q, %q, %v", removed, cloud.deleted, err)
	}
	cloud.servers = cloud.servers[1:]
	if err := n.forget(t.Context(), c, "cmp", true, func(string) {}); err != nil || len(cloud.deleted) > 0 {
		t.Errorf("a check removed %q, %v", cloud.deleted, err)
	}
	want := []string{
		"OVN's Chassis",
		"Neutron's agent ovn-controller",
		"Neutron's agent neutron-ovn-metadata-agent",
		"2 unfinished migrations",
		"Nova's service nova-compute",
		"Placement's provider p-2",
		"Nova's mapping to a cell",
	}
	if removed, err = forget(); err != nil || !cmp.Equal(want, removed) {
		t.Errorf("%v, removed (-want +got):\n%s", err, cmp.Diff(want, removed))
	}
	freed := slices.DeleteFunc(slices.Clone(cloud.deleted), func(path string) bool {
		return !strings.Contains(path, "/allocations/")
	})
	if len(freed) != 1 || !strings.HasSuffix(freed[0], "/allocations/a-migration") {
		t.Errorf("in Placement %q were freed, want the migration's alone", freed)
	}
	if removed, err = forget(); err != nil || len(removed) > 0 {
		t.Errorf("again: removed %q, %v", removed, err)
	}
	if !cmp.Equal(chassis, []string{"gw-1", "gw-2"}) || !mapped["gw-1"] || len(cloud.services) != 2 ||
		len(cloud.agents) != 3 {
		t.Errorf("left of the others: %q %v %v %v", chassis, mapped, cloud.services, cloud.agents)
	}
}

func TestForgetRefuses(t *testing.T) {
	for name, of := range map[string]string{"ctl": "controller", "cmp": "compute", "a'; DROP": "controller"} {
		if err := Forget(t.Context(), specs()[of], name, false, nil); err == nil {
			t.Errorf("%s forgets %q", of, name)
		}
	}
}

// Each of a node's services waits for the controller's that it uses, and says for which.
func TestAwaitController(t *testing.T) {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusMultipleChoices)
	}))
	defer web.Close()
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	before := controllerServices
	defer func() { controllerServices = before }()
	controllerServices = slices.Clone(before)
	for i, s := range controllerServices {
		at := plain.Addr().String()
		if s.http {
			at = web.Listener.Addr().String()
		}
		controllerServices[i].port = netip.MustParseAddrPort(at).Port()
	}
	n := &node{spec: specs()["compute"]}
	n.spec.Controller = netip.MustParseAddr("127.0.0.1")
	limited, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	if err := n.awaitController(limited); !errors.Is(err, errNothingToDo) {
		t.Errorf("with all services there: %v", err)
	}
	plain.Close()
	const want = "OVN's southbound database of the controller does not answer at 127.0.0.1:"
	for _, of := range []string{"compute", "gateway"} {
		n.spec.Roles = specs()[of].Roles
		ctx, cancel := context.WithCancel(t.Context())
		n.note = func(string, string) { cancel() }
		err := n.awaitController(ctx)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", of, err)
		}
	}
}

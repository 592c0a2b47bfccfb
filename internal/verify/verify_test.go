// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gophercloud/gophercloud/v2"
)

func TestUserDataWritesTheMarkThatIsWaitedFor(t *testing.T) {
	got := userData(netip.MustParseAddr("8.8.8.8"))
	if !strings.HasPrefix(got, "#!/bin/sh\n") {
		t.Errorf("no script: %q", got)
	}
	for _, want := range []string{routerMark, "ping -c 1 -W 1 8.8.8.8"} {
		if !strings.Contains(got, want) {
			t.Errorf("user data lacks %q:\n%s", want, got)
		}
	}
}

func TestPoll(t *testing.T) {
	calls := 0
	err := poll(t.Context(), time.Millisecond, func() (bool, error) { calls++; return calls == 3, nil })
	if err != nil || calls != 3 {
		t.Errorf("poll returned %v after %d calls, want 3", err, calls)
	}
	final := errors.New("final")
	if err := poll(t.Context(), time.Millisecond, func() (bool, error) { return true, final }); !errors.Is(err, final) {
		t.Errorf("poll returned %v, want %v", err, final)
	}
	ctx, cancel := within(t.Context(), 5*time.Millisecond)
	defer cancel()
	doubt := errors.New("not yet")
	err = poll(ctx, time.Millisecond, func() (bool, error) {
		if ctx.Err() != nil {
			return false, fmt.Errorf("Get: %w", ctx.Err())
		}
		return false, doubt
	})
	if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, doubt) || err.Error() != "not within 5ms: not yet" {
		t.Errorf("poll returned %v, want the deadline and the last doubt", err)
	}
}

// fakeCloud is Keystone, Nova and Neutron in one. It has the remains of an interrupted run, and
// records deletions.
type fakeCloud struct {
	lists   map[string]any // answers by path
	deleted []string
}

func (f *fakeCloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodGet:
		answer, ok := f.lists[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(answer)
	case http.MethodDelete, http.MethodPut:
		f.deleted = append(f.deleted, r.URL.Path)
		if strings.HasPrefix(r.URL.Path, "/servers/") {
			f.lists["/servers/detail"] = map[string]any{"servers": []any{}}
		}
		if r.URL.Path == "/security-groups/default" {
			w.WriteHeader(http.StatusConflict)
			return
		}
		if strings.HasSuffix(r.URL.Path, "/remove_router_interface") {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, "{}")
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

func TestSweep(t *testing.T) {
	one := func(kind string, v map[string]any) map[string]any { return map[string]any{kind: []any{v}} }
	f := &fakeCloud{lists: map[string]any{
		"/projects":       one("projects", map[string]any{"id": "p1", "name": "macaw-verify"}),
		"/users":          one("users", map[string]any{"id": "u1", "name": "macaw-verify"}),
		"/servers/detail": one("servers", map[string]any{"id": "s1", "name": "macaw-verify"}),
		"/floatingips":    one("floatingips", map[string]any{"id": "f1", "floating_ip_address": "10.0.1.64"}),
		"/routers":        one("routers", map[string]any{"id": "r1", "name": "macaw-verify"}),
		"/ports": map[string]any{"ports": []any{
			map[string]any{"id": "port1", "device_owner": "compute:nova"},
			map[string]any{"id": "dhcp", "device_owner": "network:distributed"},
		}},
		"/networks": one("networks", map[string]any{"id": "n1", "name": "macaw-verify"}),
		"/security-groups": map[string]any{"security_groups": []any{
			map[string]any{"id": "g1", "name": "macaw-verify"}, map[string]any{"id": "default", "name": "default"},
		}},
	}}
	srv := httptest.NewServer(f)
	defer srv.Close()
	client := &gophercloud.ServiceClient{ProviderClient: &gophercloud.ProviderClient{}, Endpoint: srv.URL + "/"}
	s := &session{identity: client, network: client, compute: client}
	if err := s.sweep(t.Context(), "macaw-verify"); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"/servers/s1", "/floatingips/f1",
		"/routers/r1/remove_router_interface", "/routers/r1/remove_router_interface", "/routers/r1",
		"/ports/port1", "/networks/n1", "/security-groups/g1", "/security-groups/default",
		"/users/u1", "/projects/p1",
	}
	if diff := cmp.Diff(want, f.deleted); diff != "" {
		t.Errorf("deleted (-want +got)\n%s", diff)
	}
}

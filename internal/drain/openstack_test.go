// SPDX-License-Identifier: Apache-2.0

package drain

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"macaw.example/internal/neutron"
)

const token = `{"token": {
  "methods": ["password"], "expires_at": "2099-01-01T00:00:00.000000Z", "issued_at": "2026-01-01T00:00:00.000000Z",
  "user": {"domain": {"id": "default", "name": "Default"}, "id": "b1", "name": "admin"},
  "project": {"domain": {"id": "default", "name": "Default"}, "id": "p1", "name": "admin"},
  "roles": [{"id": "r1", "name": "admin"}],
  "catalog": [
   {"type": "compute", "name": "nova", "id": "c1", "endpoints": [
    {"id": "e2", "interface": "public", "region": "RegionOne", "region_id": "RegionOne", "url": "URL/compute/v2.1"}]},
   {"type": "identity", "name": "keystone", "id": "k1", "endpoints": [
    {"id": "e3", "interface": "public", "region": "RegionOne", "region_id": "RegionOne", "url": "URL/v3"}]}]}}`

// cloud answers as Nova and Keystone do, in the form of Nova's API samples (doc/api_samples), and records what
// is asked of Nova.
type cloud struct {
	*httptest.Server
	answers map[string]string // by request
	status  map[string]int
	asked   []string
}

func newCloud(t *testing.T) (*cloud, Nova) {
	t.Helper()
	c := &cloud{answers: map[string]string{}, status: map[string]int{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v3/auth/tokens", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Subject-Token", "t0ken")
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, strings.ReplaceAll(token, "URL", c.URL))
	})
	mux.HandleFunc("GET /v3/projects", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"links": {"next": null}, "projects": [{"id": "p7", "name": "tenant"}]}`)
	})
	mux.HandleFunc("/compute/v2.1/", func(w http.ResponseWriter, r *http.Request) {
		if v := r.Header.Get("OpenStack-API-Version"); v != "compute "+version {
			t.Errorf("%s %s asks for version %q", r.Method, r.URL, v)
		}
		request := r.Method + " " + strings.TrimPrefix(r.URL.RequestURI(), "/compute/v2.1")
		if body, _ := io.ReadAll(r.Body); len(body) > 0 {
			var sorted any
			if err := json.Unmarshal(body, &sorted); err != nil {
				t.Error(err)
			}
			b, _ := json.Marshal(sorted)
			request += " " + string(b)
		}
		c.asked = append(c.asked, request)
		answer, ok := c.answers[request]
		if !ok {
			t.Errorf("unexpected request %s", request)
		}
		w.Header().Set("Content-Type", "application/json")
		if status := c.status[request]; status != 0 {
			w.WriteHeader(status)
		}
		fmt.Fprint(w, answer)
	})
	c.Server = httptest.NewServer(mux)
	t.Cleanup(c.Close)
	s, err := neutron.LogIn(
		t.Context(),
		neutron.Auth{URL: c.URL + "/v3", User: "admin", Password: "x", Project: "admin"},
		0,
	)
	if err != nil {
		t.Fatal(err)
	}
	n, err := Open(s)
	if err != nil {
		t.Fatal(err)
	}
	return c, n
}

func server(id, host, status, vm, task string) string {
	return fmt.Sprintf(`{"id": %q, "name": "n-%[1]s", "tenant_id": "p7", "status": %q, "OS-EXT-SRV-ATTR:host": %s,
	"OS-EXT-STS:vm_state": %q, "OS-EXT-STS:task_state": %s, "flavor": {"vcpus": 1, "original_name": "m1.nano"},
	"created": "2026-11-30T12:00:00Z", "updated": "2026-11-30T12:00:00Z", "OS-SRV-USG:launched_at": null}`,
		id, status, orNull(host), vm, orNull(task))
}

func orNull(s string) string {
	if s == "" {
		return "null"
	}
	return `"` + s + `"`
}

func migration(guest, from, kind, status string) string {
	return fmt.Sprintf(`{"id": 1, "uuid": "m", "instance_uuid": %q, "source_compute": %q, "migration_type": %q,
	"status": %q, "created_at": "2026-11-30T12:00:00.000000", "updated_at": null}`, guest, from, kind, status)
}

func TestServices(t *testing.T) {
	c, n := newCloud(t)
	c.answers["GET /os-services?binary=nova-compute"] = `{"services": [
	 {"id": "s1", "binary": "nova-compute", "host": "a", "state": "up", "status": "disabled", "disabled_reason": "why",
	  "forced_down": false, "updated_at": "2026-11-30T12:00:00.000000", "zone": "nova"},
	 {"id": "s2", "binary": "nova-compute", "host": "b", "state": "down", "status": "enabled", "disabled_reason": null,
	  "forced_down": true, "updated_at": "2026-11-30T12:00:10.000000", "zone": "nova"}]}`
	got, err := n.Services(t.Context())
	at := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	want := []Service{{ID: "s1", Host: "a", Up: true, Reason: "why", Changed: at},
		{ID: "s2", Host: "b", ForcedDown: true, Enabled: true, Changed: at.Add(10 * time.Second)}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestGuests(t *testing.T) {
	c, n := newCloud(t)
	c.answers["GET /servers/detail?all_tenants=true&host=a"] = `{"servers": [` + strings.Join([]string{
		server("g1", "a", "ACTIVE", "active", ""), server("g2", "a", "REBUILD", "active", "rebuilding"),
		server("g3", "a", "REBUILD", "active", "rebuild_spawning"), server("g4", "a", "VERIFY_RESIZE", "resized", ""),
	}, ",") + `]}`
	c.answers["GET /os-migrations?instance_uuid=g2&migration_type=evacuation"] =
		`{"migrations": [` + migration("g2", "z", "evacuation", "completed") + `]}`
	c.answers["GET /os-migrations?instance_uuid=g3&migration_type=evacuation"] =
		`{"migrations": [` + migration("g3", "z", "evacuation", "pre-migrating") + `]}`
	c.answers["GET /os-migrations?instance_uuid=g4&status=finished"] =
		`{"migrations": [` + migration("g4", "z", "resize", "finished") + `]}`
	// What has left a disk behind: a guest, one whose record is of a former time, and one that is deleted.
	c.answers["GET /os-migrations?source_compute=a&status=finished"] = `{"migrations": [` + strings.Join([]string{
		migration("g5", "a", "migration", "finished"), migration("g6", "a", "migration", "finished"),
		migration("g7", "a", "migration", "finished")}, ",") + `]}`
	c.answers["GET /servers/g5"] = `{"server": ` + server("g5", "b", "VERIFY_RESIZE", "resized", "") + `}`
	c.answers["GET /os-migrations?instance_uuid=g5&status=finished"] =
		`{"migrations": [` + migration("g5", "a", "migration", "finished") + `]}`
	c.answers["GET /servers/g6"] = `{"server": ` + server("g6", "b", "ACTIVE", "active", "") + `}`
	c.answers["GET /servers/g7"] = `{"itemNotFound": {"code": 404, "message": "Instance g7 could not be found."}}`
	c.status["GET /servers/g7"] = http.StatusNotFound
	got, err := n.Guests(t.Context(), "a")
	guest := func(id, host, status, vm, task string) Guest {
		return Guest{ID: id, Name: "n-" + id, Project: "tenant", Flavor: "m1.nano", Host: host, Status: status, State: vm,
			Task: task}
	}
	want := []Guest{
		guest("g1", "a", "ACTIVE", "active", ""), guest("g2", "a", "REBUILD", "active", "rebuilding"),
		guest("g3", "a", "REBUILD", "active", "rebuild_spawning"), guest("g4", "a", "VERIFY_RESIZE", "resized", ""),
		guest("g5", "b", "VERIFY_RESIZE", "resized", ""),
	}
	want[2].Evacuating = true
	want[3].Unconfirmed = Unconfirmed{From: "z", Resize: true}
	want[4].Unconfirmed = Unconfirmed{From: "a"}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// The requests, as Nova's schemas want them (nova/api/openstack/compute/schemas).
func TestRequests(t *testing.T) {
	c, n := newCloud(t)
	for _, tt := range []struct {
		want string
		do   func() error
	}{
		{`PUT /os-services/s1 {"disabled_reason":"why","status":"disabled"}`,
			func() error { return n.Disable(t.Context(), "s1", "why") }},
		{`PUT /os-services/s1 {"status":"enabled"}`, func() error { return n.Enable(t.Context(), "s1") }},
		{`PUT /os-services/s1 {"forced_down":false}`, func() error { return n.ForceDown(t.Context(), "s1", false) }},
		{`POST /servers/g1/action {"os-migrateLive":{"block_migration":"auto","host":null}}`,
			func() error { return n.Act(t.Context(), "g1", Live) }},
		{`POST /servers/g1/action {"migrate":null}`, func() error { return n.Act(t.Context(), "g1", Cold) }},
		{`POST /servers/g1/action {"confirmResize":null}`, func() error { return n.Act(t.Context(), "g1", Confirm) }},
		{`POST /servers/g1/action {"shelveOffload":null}`, func() error { return n.Act(t.Context(), "g1", Offload) }},
		{`POST /servers/g1/action {"os-stop":null}`, func() error { return n.Act(t.Context(), "g1", Stop) }},
		{`POST /servers/g1/action {"evacuate":{}}`, func() error { return n.Act(t.Context(), "g1", Revive) }},
	} {
		c.answers[tt.want], c.asked = "", nil
		if strings.HasPrefix(tt.want, "PUT") {
			c.answers[tt.want] = `{"service": {}}`
		}
		if err := tt.do(); err != nil || len(c.asked) != 1 || c.asked[0] != tt.want {
			t.Errorf("%v: asked %q, want %q", err, c.asked, tt.want)
		}
	}
	live := `POST /servers/g1/action {"os-migrateLive":{"block_migration":"auto","host":null}}`
	c.answers[live], c.status[live] = `{"conflictingRequest": {"code": 409, "message": "Not now."}}`, 409
	err := n.Act(t.Context(), "g1", Live)
	if refused, ok := errors.AsType[*RefusedError](err); !ok || refused.Status != 409 ||
		err.Error() != "Not now. (HTTP 409)" {
		t.Errorf("refused: %v", err)
	}
	c.answers[live], c.status[live] = `{"computeFault": {"code": 500, "message": "Oops."}}`, 500
	if err := n.Act(t.Context(), "g1", Live); err == nil {
		t.Error("a server error is none")
	} else if _, ok := errors.AsType[*RefusedError](err); ok {
		t.Errorf("a server error is a refusal: %v", err)
	}
	c.answers[live], c.status[live] = `{"itemNotFound": {"code": 404, "message": "gone"}}`, 404
	if err := n.Act(t.Context(), "g1", Live); !errors.Is(err, ErrNoGuest) {
		t.Errorf("deleted: %v", err)
	}
}

func TestRemainingAndFailure(t *testing.T) {
	c, n := newCloud(t)
	const moving = "GET /servers/g1/migrations"
	c.answers[moving] = `{"migrations": []}`
	if left, err := n.Remaining(t.Context(), "g1"); left != nil || err != nil {
		t.Errorf("%v, %v", left, err)
	}
	c.answers[moving] = `{"migrations": [{"status": "queued", "memory_remaining_bytes": null, "disk_remaining_bytes": null},
	 {"status": "running", "memory_remaining_bytes": 120000, "disk_remaining_bytes": 230000}]}`
	if left, err := n.Remaining(t.Context(), "g1"); err != nil || left == nil || *left != (Remaining{120000, 230000}) {
		t.Errorf("%v, %v", left, err)
	}
	c.answers[moving] = `{"migrations": [{"id": 7, "status": "running"}]}`
	const force = `POST /servers/g1/migrations/7/action {"force_complete":null}`
	c.answers[force] = ""
	if err := n.Act(t.Context(), "g1", Hurry); err != nil || c.asked[len(c.asked)-1] != force {
		t.Errorf("%v: asked %q", err, c.asked)
	}
	c.answers["GET /servers/g1/os-instance-actions"] = `{"instanceActions": [
	 {"action": "live-migration", "request_id": "req-2", "message": "Error"}, {"action": "create", "request_id": "req-1"}]}`
	const last = "GET /servers/g1/os-instance-actions/req-2"
	for events, want := range map[string]string{
		`[{"event": "e", "result": "Success", "details": null, "traceback": null}]`:                               "",
		`[{"event": "e", "result": "Error", "details": "No valid host was found.", "traceback": "a\n  b\n"}]`:     "No valid host was found.",
		`[{"event": "e", "result": "Error", "details": null, "traceback": "  File x\nMigrationError: unsafe\n"}]`: "MigrationError: unsafe",
	} {
		c.answers[last] = `{"instanceAction": {"events": ` + events + `}}`
		if got, err := n.Failure(t.Context(), "g1"); got != want || err != nil {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
	}
}

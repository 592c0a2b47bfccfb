// SPDX-License-Identifier: Apache-2.0

package neutron

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// fakeCloud is a Keystone with one user and a Neutron of canned responses, which records what is
// written.
type fakeCloud struct {
	*httptest.Server
	mu      sync.Mutex        // for the rest: requests are concurrent, and may outlive their caller
	answers map[string]string // by "GET /networks?name=public" or, for any query, "GET /networks"
	status  map[string]int    // if not the method's usual one
	written func(request, body string)
	writes  []string              // "PUT /networks/1 {...}"
	queries map[string]url.Values // the last query by path, without fields
	reads   int                   // GETs of Neutron
	servers string                // Nova's
	// refuses are services that this user has no role in: "compute", "identity".
	refuses map[string]bool
}

const token = `{"token": {
  "methods": ["password"], "expires_at": "2099-01-01T00:00:00.000000Z", "issued_at": "2026-01-01T00:00:00.000000Z",
  "user": {"domain": {"id": "default", "name": "Default"}, "id": "b1", "name": "macaw"},
  "project": {"domain": {"id": "default", "name": "Default"}, "id": "p1", "name": "service"},
  "roles": [{"id": "r1", "name": "admin"}],
  "catalog": [{"type": "network", "name": "neutron", "id": "n1", "endpoints": [
    {"id": "e1", "interface": "public", "region": "RegionOne", "region_id": "RegionOne", "url": "URL/network"}]},
   {"type": "compute", "name": "nova", "id": "c1", "endpoints": [
    {"id": "e2", "interface": "public", "region": "RegionOne", "region_id": "RegionOne", "url": "URL/compute/v2.1"}]},
   {"type": "identity", "name": "keystone", "id": "k1", "endpoints": [
    {"id": "e3", "interface": "public", "region": "RegionOne", "region_id": "RegionOne", "url": "URL/v3"}]}]}}`

func newFakeCloud(t *testing.T) *fakeCloud {
	t.Helper()
	f := &fakeCloud{answers: map[string]string{}, status: map[string]int{}, queries: map[string]url.Values{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v3/auth/tokens", func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			Auth struct {
				Identity struct {
					Password struct {
						User struct {
							Name, Password string
							Domain         struct{ Name string }
						}
					}
				}
				Scope struct{ Project struct{ Name string } }
			}
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		user := body.Auth.Identity.Password.User
		if user.Name != "macaw" || user.Password != "secret" || user.Domain.Name != "Default" ||
			body.Auth.Scope.Project.Name != "service" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("X-Subject-Token", "t0ken")
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, strings.ReplaceAll(token, "URL", f.URL))
	})
	mux.HandleFunc("GET /network/{$}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"versions": [{"id": "v2.0", "status": "CURRENT", "links": [{"rel": "self", "href": "%s/network/v2.0/"}]}]}`, f.URL)
	})
	mux.HandleFunc("/network/v2.0/", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Auth-Token") != "t0ken" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		path := strings.TrimPrefix(r.URL.Path, "/network/v2.0")
		query := r.URL.Query()
		query.Del("fields")
		f.mu.Lock()
		defer f.mu.Unlock()
		f.queries[path] = query
		request := r.Method + " " + path
		switch {
		case r.Method == http.MethodGet:
			f.reads++
		case r.ContentLength == 0:
			f.writes = append(f.writes, request)
		default:
			var body any
			if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
				t.Error(err)
			}
			sorted, _ := json.Marshal(body)
			f.writes = append(f.writes, request+" "+string(sorted))
		}
		if f.written != nil && r.Method != http.MethodGet {
			f.written(request, strings.TrimPrefix(f.writes[len(f.writes)-1], request))
		}
		answer, ok := f.answers[request+"?"+query.Encode()]
		if !ok {
			answer, ok = f.answers[request]
		}
		if !ok {
			t.Errorf("unexpected request %s %s", r.Method, r.URL)
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		usual := map[string]int{http.MethodPost: http.StatusCreated, http.MethodDelete: http.StatusNoContent}
		if status := cmp.Or(f.status[request], usual[r.Method], http.StatusOK); status != http.StatusOK {
			w.WriteHeader(status)
		}
		fmt.Fprint(w, answer)
	})
	version := func(id string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, `{"version": {"id": %q, "status": "CURRENT", "links": [{"rel": "self", "href": "%s%s"}]}}`, id, f.URL,
				r.URL.Path)
		}
	}
	mux.HandleFunc("GET /v3/{$}", version("v3.14"))
	mux.HandleFunc("GET /compute/v2.1/{$}", version("v2.1"))
	mux.HandleFunc("GET /v3/projects", func(w http.ResponseWriter, r *http.Request) {
		if f.refuses["identity"] {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"projects": [{"id": "p1", "name": "demo"}, {"id": "p2", "name": "prod"}, {"id": "p3", "name": "prod"}], "links": {}}`)
	})
	mux.HandleFunc("GET /compute/v2.1/servers", func(w http.ResponseWriter, r *http.Request) {
		if f.refuses["compute"] {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		if r.URL.Query().Get("all_tenants") != "true" {
			t.Errorf("servers asked with %s", r.URL.RawQuery)
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, f.servers)
	})
	f.Server = httptest.NewServer(mux)
	t.Cleanup(f.Close)
	return f
}

// answer changes a response after something was requested.
func (f *fakeCloud) answer(request, body string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answers[request] = body
}

func (f *fakeCloud) auth() Auth {
	return Auth{URL: f.URL + "/v3", User: "macaw", Password: "secret", Project: "service", Region: "RegionOne"}
}

func (f *fakeCloud) connect(t *testing.T) *Client {
	t.Helper()
	c, err := Connect(context.Background(), f.auth())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestConnectRefused(t *testing.T) {
	f := newFakeCloud(t)
	auth := f.auth()
	auth.Password = "hunter2"
	_, err := Connect(context.Background(), auth)
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("error %v, want one without the password", err)
	}
	auth = f.auth()
	auth.Region = "elsewhere"
	if _, err := Connect(context.Background(), auth); err == nil {
		t.Error("connected to a region that the catalog lacks")
	}
}

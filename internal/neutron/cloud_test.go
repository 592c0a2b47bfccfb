package neutron

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// fakeCloud is a Keystone that lets one user in and a Neutron of canned answers,
// which remembers what it was asked to write.
type fakeCloud struct {
	*httptest.Server
	answers map[string]string // by "GET /networks", without the query
	writes  []string          // "PUT /networks/1 {...}"
	queries map[string]string // the last query by path
}

const token = `{"token": {
  "methods": ["password"], "expires_at": "2099-01-01T00:00:00.000000Z", "issued_at": "2026-01-01T00:00:00.000000Z",
  "user": {"domain": {"id": "default", "name": "Default"}, "id": "b1", "name": "macaw"},
  "project": {"domain": {"id": "default", "name": "Default"}, "id": "p1", "name": "service"},
  "roles": [{"id": "r1", "name": "admin"}],
  "catalog": [{"type": "network", "name": "neutron", "id": "n1", "endpoints": [
    {"id": "e1", "interface": "public", "region": "RegionOne", "region_id": "RegionOne", "url": "%s/network"}]}]}}`

func newFakeCloud(t *testing.T) *fakeCloud {
	t.Helper()
	f := &fakeCloud{answers: map[string]string{}, queries: map[string]string{}}
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
		if user.Name != "macaw" || user.Password != "secret" || user.Domain.Name != "Default" || body.Auth.Scope.Project.Name != "service" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("X-Subject-Token", "t0ken")
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, token, f.URL)
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
		f.queries[path] = r.URL.RawQuery
		if r.Method != http.MethodGet {
			var body any
			if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
				t.Error(err)
			}
			sorted, _ := json.Marshal(body)
			f.writes = append(f.writes, r.Method+" "+path+" "+string(sorted))
		}
		answer, ok := f.answers[r.Method+" "+path]
		if !ok {
			t.Errorf("unexpected request %s %s", r.Method, r.URL)
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if r.Method == http.MethodPost {
			w.WriteHeader(http.StatusCreated)
		}
		fmt.Fprint(w, answer)
	})
	f.Server = httptest.NewServer(mux)
	t.Cleanup(f.Close)
	return f
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

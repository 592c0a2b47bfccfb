// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"macaw.example/internal/neutron"
)

// fakeGlance is Keystone and Glance.
type fakeGlance struct {
	url    string
	images []map[string]any
	did    []string
}

func (f *fakeGlance) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := func(status int, v any) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Subject-Token", "token")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(v)
	}
	switch {
	case strings.HasSuffix(r.URL.Path, "/auth/tokens"):
		var catalog []any
		for _, kind := range []string{"identity", "network", "compute", "image"} {
			catalog = append(catalog, map[string]any{"type": kind, "name": kind, "endpoints": []any{
				map[string]any{"interface": "public", "region": "RegionOne", "region_id": "RegionOne",
					"url": f.url + "/" + kind + "/"}}})
		}
		answer(http.StatusCreated, map[string]any{"token": map[string]any{
			"catalog": catalog, "expires_at": "2099-01-01T00:00:00.000000Z", "project": map[string]any{"id": "p"}}})
		return
	case r.Method == http.MethodGet && !strings.HasSuffix(r.URL.Path, "/images"):
		answer(http.StatusMultipleChoices, map[string]any{"versions": []any{map[string]any{"id": "v2.0", "status": "CURRENT",
			"links": []any{map[string]any{"rel": "self", "href": f.url + r.URL.Path}}}}})
		return
	case r.Method == http.MethodGet:
		answer(http.StatusOK, map[string]any{"images": f.images})
		return
	case r.Method == http.MethodPost:
		var img map[string]any
		_ = json.NewDecoder(r.Body).Decode(&img)
		f.did = append(f.did, fmt.Sprintf("create %v %v", img["name"], img[checkedProperty]))
		img["id"], img["status"] = "new", "queued"
		answer(http.StatusCreated, img)
		return
	case r.Method == http.MethodPut:
		b, _ := io.ReadAll(r.Body)
		f.did = append(f.did, "upload "+string(b))
	case r.Method == http.MethodDelete:
		f.did = append(f.did, "delete "+r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:])
	}
	w.WriteHeader(http.StatusNoContent)
}

func TestEnsureImage(t *testing.T) {
	image := func(id, sum string) map[string]any {
		return map[string]any{"id": id, "name": "guest", "status": "active", checkedProperty: sum}
	}
	for _, tt := range []struct {
		name  string
		there []map[string]any
		sum   string
		open  error
		want  []string
	}{
		{"none", nil, "", nil, []string{"create guest <nil>", "upload image"}},
		{"none, checked", nil, "abc", nil, []string{"create guest abc", "upload image"}},
		{"there", []map[string]any{image("old", "")}, "", nil, nil},
		{"there, checked", []map[string]any{image("old", "abc")}, "abc", nil, nil},
		{"there, not checked", []map[string]any{image("old", "")}, "abc", nil,
			[]string{"delete old", "create guest abc", "upload image"}},
		{"there, checked by another", []map[string]any{image("old", "def")}, "abc", nil,
			[]string{"delete old", "create guest abc", "upload image"}},
		{"not to be had", []map[string]any{image("old", "def")}, "abc", errors.New("another checksum"), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := &fakeGlance{images: tt.there}
			server := httptest.NewServer(f)
			defer server.Close()
			f.url = server.URL
			auth := neutron.Auth{
				URL: server.URL + "/v3", User: "admin", Password: "secret", Project: "admin", UserDomain: "Default",
				Region: "RegionOne",
			}
			made, err := EnsureImage(t.Context(), auth, "guest", []Part{{Format: "qcow2", SHA256: tt.sum,
				Open: func(context.Context) (io.ReadCloser, error) {
					return io.NopCloser(strings.NewReader("image")), tt.open
				}}})
			if !errors.Is(err, tt.open) || made != (tt.want != nil) {
				t.Errorf("made %t, error %v", made, err)
			}
			if got := strings.Join(f.did, ", "); got != strings.Join(tt.want, ", ") {
				t.Errorf("it did: %s\nwant: %s", got, strings.Join(tt.want, ", "))
			}
		})
	}
}

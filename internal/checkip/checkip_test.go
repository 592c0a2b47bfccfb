// SPDX-License-Identifier: Apache-2.0

package checkip

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"macaw.example/internal/hint"
)

func TestFind(t *testing.T) {
	// A proxy is never asked.
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	for _, tt := range []struct {
		answer string
		status int
		want   string // or the error
	}{
		{"198.51.100.7\n", 200, "198.51.100.7"},
		{"198.51.100.7", 200, "198.51.100.7"},
		{"2001:db8::7\n", 200, "it answers 2001:db8::7, which is no public IPv4 address"},
		{"10.1.2.3\n", 200, "no public IPv4 address"},
		{"100.64.2.3\n", 200, "no public IPv4 address"},
		{"127.0.0.1", 200, "no public IPv4 address"},
		{"0.0.0.0", 200, "no public IPv4 address"},
		{"<html>Welcome to our hotel. " + strings.Repeat("x", 1<<20), 200,
			`it answers "<html>Welcome to our", which is no address: a portal may be in between`},
		{"", 200, "which is no address"},
		{"198.51.100.7, 198.51.100.8", 200, "which is no address"},
		{"198.51.100.7", 503, "it answers 503 Service Unavailable"},
		{"198.51.100.7", 302, "it answers 302 Found"},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/other")
			w.WriteHeader(tt.status)
			fmt.Fprint(w, tt.answer)
		}))
		a, err := Find(t.Context(), s.URL)
		if err == nil && a.String() != tt.want || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%.30q with %d: %v, %v; want %s", tt.answer, tt.status, a, err, tt.want)
		}
		s.Close()
		if _, err := Find(t.Context(), s.URL); err == nil || len(hint.All(err)) != 1 {
			t.Errorf("a service that is gone: %v, %q", err, hint.All(err))
		}
	}
	for _, service := range []string{"http://checkip.example.org", "ftp://127.0.0.1", "https://", "x", ""} {
		if err := Check(service); err == nil || !strings.Contains(err.Error(), "is no https URL") {
			t.Errorf("%q: %v", service, err)
		}
	}
	for _, service := range []string{AWS, "http://127.0.0.1:80", "http://[::1]"} {
		if err := Check(service); err != nil {
			t.Error(err)
		}
	}
	_, err := Find(t.Context(), "https://[::1]:1/")
	if err == nil || !strings.Contains(strings.Join(hint.All(err), ""), "this machine seems to have IPv6 only") {
		t.Errorf("IPv6 only: %v, %q", err, hint.All(err))
	}
}

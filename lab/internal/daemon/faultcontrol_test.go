// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"macaw.example/lab/internal/faults"
)

func TestFaultsAreSetAndCleared(t *testing.T) {
	i, err := faults.New(faults.Config{})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	serveFaults(mux, i)
	call := func(method, path string, query url.Values) (int, string) {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest(method, path+"?"+query.Encode(), nil))
		return w.Code, w.Body.String()
	}
	for _, c := range []struct {
		method, path string
		query        url.Values
		status       int
		want         string
	}{
		{"GET", "/faults", nil, 200, `"faults":[]`},
		{"POST", "/faults", url.Values{"fault": {`{"name":"error","action":"Assign*","rate":0.5}`}}, 200,
			`"code":"InternalError"`},
		{"POST", "/faults", url.Values{"fault": {`{"name":"late","min":"1s"}`}}, 200, `"max":"6s"`},
		{"POST", "/faults", url.Values{"fault": {`{"name":"moon"}`}}, 400, `no fault "moon"`},
		{"POST", "/faults", url.Values{"fault": {`x`}}, 400, "reading a fault"},
		{"POST", "/faults/seed", url.Values{"seed": {"7"}}, 200, `"seed":7`},
		{"POST", "/faults/seed", url.Values{"seed": {"-7"}}, 400, "invalid syntax"},
		{"DELETE", "/faults", url.Values{"name": {"late"}}, 200, `"error"`},
		{"DELETE", "/faults", url.Values{"name": {"late"}}, 400, "not on"},
	} {
		if status, body := call(c.method, c.path, c.query); status != c.status || !strings.Contains(body, c.want) {
			t.Errorf("%s %s %v: %d %s, want %d %s", c.method, c.path, c.query, status, body, c.status, c.want)
		}
	}
	_, body := call("GET", "/faults", nil)
	var got faults.Plan
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(i.List(), got); d != "" {
		t.Error(d)
	}
}

// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"macaw.example/lab/internal/account"
)

func TestAccountIsSetAndReset(t *testing.T) {
	a := &account.Account{}
	mux := http.NewServeMux()
	serveAccount(mux, a)
	for _, c := range []struct {
		method string
		query  url.Values
		status int
		want   string
	}{
		{"GET", nil, 200, `{}`},
		{"POST", url.Values{"name": {"vcpu-quota"}, "value": {"5"}}, 200, `{"vcpuQuota":5}`},
		{"POST", url.Values{"name": {"vcpu-quota"}, "value": {"x"}}, 400, `"x": want a number`},
		{"POST", url.Values{"name": {"moon"}, "value": {"5"}}, 400, `there is no setting "moon"`},
		{"POST", url.Values{"name": {"iam-delay"}, "value": {"20s"}}, 200, `{"vcpuQuota":5,"iamDelay":"20s"}`},
		{"POST", url.Values{"name": {"vcpu-quota"}, "value": {""}}, 200, `{"iamDelay":"20s"}`},
		{"DELETE", nil, 200, `{}`},
	} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest(c.method, "/account?"+c.query.Encode(), nil))
		if body := w.Body.String(); w.Code != c.status || !strings.Contains(body, c.want) {
			t.Errorf("%s %v: %d %s, want %d %s", c.method, c.query, w.Code, body, c.status, c.want)
		}
	}
}

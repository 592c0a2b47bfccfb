// SPDX-License-Identifier: Apache-2.0

package awscli

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"macaw.example/lab/labtest"
)

const region = "us-east-1"

// recorder counts the successful calls of each action.
type recorder struct {
	mu    sync.Mutex
	calls map[string]int
}

func (r *recorder) note(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		req.Body = io.NopCloser(bytes.NewReader(body))
		answer := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(answer, req)
		if form, err := url.ParseQuery(string(body)); err == nil && answer.status == http.StatusOK {
			r.mu.Lock()
			r.calls[serviceOf(req)+" "+form.Get("Action")]++
			r.mu.Unlock()
		}
	})
}

// serviceOf returns the service in the scope of a request's signature: the credential is
// key/date/region/service/aws4_request.
func serviceOf(r *http.Request) string {
	_, credential, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	if parts := strings.Split(credential, "/"); len(parts) > 3 {
		return parts[3]
	}
	return ""
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// wantAll fails the test for each action of the lab that was never called successfully, and
// for each pending action that was.
func (r *recorder) wantAll(t *testing.T, pending []string) {
	t.Helper()
	all := labtest.Actions()
	for _, action := range all {
		called, excused := r.calls[action] > 0, slices.Contains(pending, action)
		switch {
		case !called && !excused:
			t.Errorf("no script calls %s with success: every action of the lab needs one", action)
		case called && excused:
			t.Errorf("%s is called, and said to be pending", action)
		}
	}
	for _, action := range pending {
		if !slices.Contains(all, action) {
			t.Errorf("%s is pending, and not an action of the lab", action)
		}
	}
}

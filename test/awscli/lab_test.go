// SPDX-License-Identifier: Apache-2.0

package awscli

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"macaw.example/lab/labtest"
)

const region = "us-east-1"

// recorder counts the successful calls of each action, and compares each answer with the
// model of its service.
type recorder struct {
	models map[string]*serviceModel

	mu     sync.Mutex
	calls  map[string]int
	faults faults
}

func (r *recorder) note(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		req.Body = io.NopCloser(bytes.NewReader(body))
		answer := &answerWriter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(answer, req)
		service, action := serviceOf(req), actionOf(req, body)
		if unsigned, ok := unsignedActions[req.Method+" "+req.URL.Path]; ok {
			service, action, _ = strings.Cut(unsigned, " ")
		}
		r.check(service, action, answer)
	})
}

// check compares an answer with its model, and counts it if it is not an error.
func (r *recorder) check(service, action string, answer *answerWriter) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.models[service]
	switch {
	case m == nil && answer.status == http.StatusOK:
		r.faults.add(service+" "+action, "a service without a model")
	case m == nil: // the lab refuses services that it does not have
	case answer.status == http.StatusOK:
		r.calls[service+" "+action]++
		checkAnswer(service, m, action, answer.body.Bytes(), r.faults)
	default:
		checkError(service, m, action, answer.body.Bytes(), r.faults)
	}
}

// unsignedActions are those of IAM Identity Center, by method and path (the models' requestUri).
var unsignedActions = map[string]string{
	"POST /client/register": "sso-oidc RegisterClient", "POST /device_authorization": "sso-oidc StartDeviceAuthorization",
	"POST /token": "sso-oidc CreateToken", "GET /federation/credentials": "sso GetRoleCredentials",
	"GET /assignment/accounts": "sso ListAccounts", "GET /assignment/roles": "sso ListAccountRoles",
	"POST /logout": "sso Logout",
}

// actionOf returns the action of a request: a parameter, or in the header of the JSON
// protocol.
func actionOf(r *http.Request, body []byte) string {
	if _, action, ok := strings.Cut(r.Header.Get("X-Amz-Target"), "."); ok {
		return action
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return ""
	}
	return form.Get("Action")
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

// answerWriter keeps what it passes on.
type answerWriter struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (w *answerWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *answerWriter) Write(b []byte) (int, error) {
	w.body.Write(b)
	return w.ResponseWriter.Write(b)
}

// wantAll fails the test for each action of the lab that was never called successfully: its
// answer has not been compared with the model.
func (r *recorder) wantAll(t *testing.T) {
	t.Helper()
	for _, action := range labtest.Actions() {
		if r.calls[action] == 0 {
			t.Errorf("no script calls %s with success: every action of the lab needs one", action)
		}
	}
}

// wantFaultless fails the test for each answer that AWS would not give.
func (r *recorder) wantFaultless(t *testing.T) {
	t.Helper()
	for _, fault := range slices.Sorted(maps.Keys(r.faults)) {
		t.Error(fault)
	}
}

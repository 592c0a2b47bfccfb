package conform

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"macaw/internal/lab/ec2"
	"macaw/internal/lab/iam"
)

const (
	region    = "us-east-1"
	accessKey = "AKIDEXAMPLE"
	secretKey = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	image     = "ami-0debdeb0000000013"
)

// machines do what they are told, at once.
type machines struct{}

func (machines) Launch(context.Context, ec2.Instance) error            { return nil }
func (machines) Start(context.Context, ec2.Instance) error             { return nil }
func (machines) Stop(context.Context, string) error                    { return nil }
func (machines) Reboot(context.Context, string) error                  { return nil }
func (machines) Terminate(context.Context, string) error               { return nil }
func (machines) CreateImage(context.Context, string, string) error     { return nil }
func (machines) DeleteImage(context.Context, string) error             { return nil }
func (machines) AttachNIC(context.Context, string, ec2.NIC) error      { return nil }
func (machines) DetachNIC(context.Context, string, ec2.NIC) error      { return nil }
func (machines) ConsoleOutput(context.Context, string) ([]byte, error) { return []byte("login:"), nil }

// serve serves a lab's API, which seen takes note of.
func serve(seen *recorder) (endpoint string, stop func(), err error) {
	log := slog.New(slog.DiscardHandler)
	identities, err := iam.Open(iam.Config{Root: iam.Key{ID: accessKey, Secret: secretKey}, Log: log})
	if err != nil {
		return "", nil, err
	}
	service, err := ec2.Wire(ec2.Config{Machines: machines{}, Profiles: identities, Log: log, Images: []ec2.Image{{
		ID: image, Name: "debian-13-amd64-20261101-1", Owner: "136693071363", Architecture: "x86_64",
		Created: time.Unix(1700000000, 0), Parameters: []string{"/aws/service/debian/release/13/latest/amd64"}}}},
		identities, func(*http.Request) (string, bool) { return "", false })
	if err != nil {
		return "", nil, err
	}
	service.State.Resume()
	server := httptest.NewServer(seen.note(service.API))
	return server.URL, func() { server.Close(); service.State.Close() }, nil
}

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

// serviceOf is the service in the scope of a request's signature: the
// credential is key/date/region/service/aws4_request.
func serviceOf(r *http.Request) string {
	_, credential, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	if parts := strings.Split(credential, "/"); len(parts) > 3 {
		return parts[3]
	}
	return ""
}

// allActions are all that the lab answers: service and action.
func allActions() []string {
	var all []string
	for _, service := range []string{"iam", "sts"} {
		for _, action := range iam.Actions(service) {
			all = append(all, service+" "+action)
		}
	}
	for _, action := range ec2.Actions() {
		all = append(all, "ec2 "+action)
	}
	return all
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// wantAll fails the test for each action of the lab that was not called with
// success, and for each that is said to be pending and was.
func (r *recorder) wantAll(t *testing.T, pending []string) {
	t.Helper()
	all := allActions()
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

package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"

	"macaw/internal/lab/faults"
	"macaw/internal/lab/vpc"
)

// control serves what the command line asks of the daemon besides AWS's APIs.
func control(ctx context.Context, f *vpc.Fabric, i *faults.Injector, t *tasks, stop func()) error {
	// The caller holds the daemon's lock: a socket that is there is left over.
	if err := os.Remove(Socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	l, err := net.Listen("unix", Socket)
	if err != nil {
		return err
	}
	defer os.Remove(Socket)
	if err := os.Chmod(Socket, 0o600); err != nil {
		return err
	}
	mux := http.NewServeMux()
	serveObservations(mux, f)
	serveFlows(mux, f)
	serveFaults(mux, i)
	serveTasks(mux, t)
	mux.HandleFunc("GET /ready", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, os.Getpid()) })
	mux.HandleFunc("POST /stop", func(w http.ResponseWriter, _ *http.Request) { stop() })
	srv := &http.Server{Handler: mux}
	defer context.AfterFunc(ctx, func() { srv.Close() })()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// ErrDown says that no lab's daemon runs.
var ErrDown = errors.New("the lab is down")

// ask makes a request of the daemon and decodes its answer, unless answer is nil.
func ask(ctx context.Context, method, path string, answer any) error {
	body, err := open(ctx, method, path)
	if err != nil {
		return err
	}
	defer body.Close()
	if answer == nil {
		return nil
	}
	return json.NewDecoder(body).Decode(answer)
}

// open makes a request of the daemon and returns its answer as it comes.
func open(ctx context.Context, method, path string) (io.ReadCloser, error) {
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", Socket)
		},
	}}
	req, err := http.NewRequestWithContext(ctx, method, "http://lab"+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("%w: %w", ErrDown, err)
	}
	if resp.StatusCode/100 != 2 {
		defer resp.Body.Close()
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 4096))
		return nil, fmt.Errorf("asking the lab's daemon: %s", strings.TrimSpace(string(text)))
	}
	return resp.Body, nil
}

// Ready says whether the daemon answers.
func Ready(ctx context.Context) bool { return ask(ctx, http.MethodGet, "/ready", nil) == nil }

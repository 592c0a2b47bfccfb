// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"

	"macaw.example/lab/internal/account"
	"macaw.example/lab/internal/control"
	"macaw.example/lab/internal/faults"
	"macaw.example/lab/internal/vpc"
)

// serveControl serves the daemon's own requests, as opposed to AWS's APIs.
func serveControl(
	ctx context.Context, f *vpc.Fabric, i *faults.Injector, a *account.Account, t *tasks, stop func(),
) error {
	// The caller holds the daemon's lock, so an existing socket is stale.
	if err := os.Remove(control.Socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	l, err := net.Listen("unix", control.Socket)
	if err != nil {
		return err
	}
	defer os.Remove(control.Socket)
	if err := os.Chmod(control.Socket, 0o600); err != nil {
		return err
	}
	mux := http.NewServeMux()
	serveObservations(mux, f)
	serveFlows(mux, f)
	serveFaults(mux, i)
	serveAccount(mux, a)
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

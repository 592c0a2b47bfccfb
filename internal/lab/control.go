package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"macaw/internal/lab/vpc"
)

// Drop is a frame that the fabric did not pass on.
type Drop struct {
	Time      time.Time `json:"time"`
	Port      string    `json:"port"` // an ENI's ID, "internet" or "services"
	Direction string    `json:"direction"`
	Reason    string    `json:"reason"`
	Length    int       `json:"length"` // in bytes
	Summary   string    `json:"summary"`
}

// DropCount counts the frames of a port that the fabric dropped for a reason.
type DropCount struct {
	Port      string `json:"port"`
	Direction string `json:"direction"`
	Reason    string `json:"reason"`
	Explain   string `json:"explain"`
	Source    string `json:"source,omitempty"` // the document that the rule follows
	Frames    uint64 `json:"frames"`
}

// Drops is what the fabric did not pass on: all of it counted, the last of it
// shown.
type Drops struct {
	Counts []DropCount `json:"counts"`
	Recent []Drop      `json:"recent"`
}

// dropsOf reads a fabric's drops.
func dropsOf(f *vpc.Fabric) Drops {
	d := Drops{Counts: []DropCount{}, Recent: []Drop{}}
	for _, c := range f.Counters() {
		for _, n := range c.Drops {
			d.Counts = append(d.Counts, DropCount{
				Port: c.Port.String(), Direction: n.Direction.String(), Reason: n.Reason.String(),
				Explain: n.Reason.Explain(), Source: n.Reason.Source(), Frames: n.Frames,
			})
		}
	}
	for _, r := range f.Drops() {
		d.Recent = append(d.Recent, Drop{
			Time: r.Time, Port: r.Port.String(), Direction: r.Direction.String(),
			Reason: r.Reason.String(), Length: r.Length, Summary: r.Summary,
		})
	}
	return d
}

// control serves what the command line asks of the daemon besides AWS's APIs.
func control(ctx context.Context, f *vpc.Fabric, stop func()) error {
	if err := os.MkdirAll(filepath.Dir(Socket), 0o755); err != nil {
		return err
	}
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
	mux.HandleFunc("GET /drops", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(dropsOf(f))
	})
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

// ask makes a request of the daemon.
func ask(ctx context.Context, method, path string, answer any) error {
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", Socket)
		},
	}}
	req, err := http.NewRequestWithContext(ctx, method, "http://lab"+path, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("%w: %w", ErrDown, err)
	}
	defer resp.Body.Close()
	if answer == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(answer)
}

// ReadDrops asks the daemon what its fabric did not pass on.
func ReadDrops(ctx context.Context) (Drops, error) {
	var d Drops
	err := ask(ctx, http.MethodGet, "/drops", &d)
	return d, err
}

// Ready says whether the daemon answers.
func Ready(ctx context.Context) bool { return ask(ctx, http.MethodGet, "/ready", nil) == nil }

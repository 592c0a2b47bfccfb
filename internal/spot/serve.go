// SPDX-License-Identifier: Apache-2.0

package spot

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"macaw.example/internal/nodeapi"
)

// fresh is how long an answer of instance metadata is repeated to others who ask.
const fresh = time.Second

// Serve answers at an address with the notices of this instance until ctx is done.
func Serve(ctx context.Context, at netip.AddrPort, log *slog.Logger) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", at.String())
	if err != nil {
		return err
	}
	s := &http.Server{
		Handler: Handler(newMetadata(), log), ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 1 << 12,
	}
	stop := context.AfterFunc(ctx, func() { s.Close() })
	defer stop()
	err = s.Serve(l)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// Handler answers GET of nodeapi.SpotPath with the notices in instance metadata.
func Handler(m Metadata, log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET "+nodeapi.SpotPath, &reporter{metadata: m, log: log})
	return mux
}

// reporter answers with what instance metadata says, and logs what is new.
type reporter struct {
	metadata Metadata
	log      *slog.Logger

	mu     sync.Mutex
	asked  time.Time
	last   nodeapi.SpotNotices
	failed error
	logged string
}

func (r *reporter) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	n, err := r.now(req.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(n) // a client that has gone needs no answer
}

func (r *reporter) now(ctx context.Context) (nodeapi.SpotNotices, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.asked.IsZero() && time.Since(r.asked) < fresh {
		return r.last, r.failed
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*metadataTimeout) // for others who ask, too
	defer cancel()
	r.last, r.failed = Read(ctx, r.metadata)
	r.asked = time.Now()
	r.note()
	return r.last, r.failed
}

// note logs what has changed.
func (r *reporter) note() {
	text := ""
	switch i := r.last.Interruption; {
	case r.failed != nil:
		text = "instance metadata does not say whether AWS takes this instance away: " + r.failed.Error()
	case i != nil:
		text = "AWS interrupts this Spot Instance (" + i.Action + ") at " + i.Time.UTC().Format(time.RFC3339)
	case !r.last.Rebalance.IsZero():
		text = "AWS recommends to move elsewhere, since " + r.last.Rebalance.UTC().Format(time.RFC3339)
	}
	if text != r.logged && text != "" {
		r.log.Warn(text)
	}
	r.logged = text
}

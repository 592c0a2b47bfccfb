// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"encoding/json"
	"net/http"

	"macaw.example/lab/internal/control"
	"macaw.example/lab/internal/vpc"
)

// dropsOf converts a fabric's drops.
func dropsOf(f *vpc.Fabric) control.Drops {
	d := control.Drops{Counts: []control.DropCount{}, Recent: []control.Drop{}}
	for _, c := range f.Counters() {
		for _, n := range c.Drops {
			d.Counts = append(d.Counts, control.DropCount{
				Port: c.Port.String(), Direction: n.Direction.String(), Reason: n.Reason.String(),
				Explain: n.Reason.Explain(), Source: n.Reason.Source(), Frames: n.Frames,
			})
		}
	}
	for _, r := range f.Drops() {
		d.Recent = append(d.Recent, control.Drop{
			Time: r.Time, Port: r.Port.String(), Direction: r.Direction.String(),
			Reason: r.Reason.String(), Length: r.Length, Summary: r.Summary,
		})
	}
	return d
}

func dropOf(e vpc.Event) control.Drop {
	return control.Drop{
		Time: e.Time, Port: e.Port.String(), Direction: e.Direction.String(),
		Reason: e.Reason.String(), Length: e.Length, Summary: e.Summary(),
	}
}

// serveObservations serves drops and captures.
func serveObservations(mux *http.ServeMux, f *vpc.Fabric) {
	mux.HandleFunc("GET /drops", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(dropsOf(f))
	})
	mux.HandleFunc("GET /drops/follow", func(w http.ResponseWriter, r *http.Request) {
		o := f.Observe(vpc.Observation{DropsOnly: true, Snap: 128})
		defer o.Close()
		out := json.NewEncoder(w)
		var told uint64
		stream(r.Context(), w, o, func(e vpc.Event) error {
			lost := o.Lost()
			defer func() { told = lost }()
			return out.Encode(control.Followed{Drop: dropOf(e), Lost: lost - told})
		})
	})
	mux.HandleFunc("GET /pcap", func(w http.ResponseWriter, r *http.Request) {
		what := vpc.Observation{DropsOnly: r.URL.Query().Get("drops") == "true"}
		if port := r.URL.Query().Get("port"); port != "" {
			what.Port = portNamed(port)
		}
		o := f.Observe(what)
		defer o.Close()
		file, err := vpc.NewPcapWriter(w, "macaw lab")
		if err != nil {
			return
		}
		var told uint64
		stream(r.Context(), w, o, func(e vpc.Event) error {
			if lost := o.Lost(); lost != told {
				told = lost
				if err := file.Lost(lost, e.Time); err != nil {
					return err
				}
			}
			return file.Write(e)
		})
	})
}

// portNamed is the inverse of vpc.Port.String.
func portNamed(name string) vpc.Port {
	for _, p := range []vpc.Port{vpc.Internet, vpc.Services} {
		if p.String() == name {
			return p
		}
	}
	return vpc.ENIPort(name)
}

// stream passes events on until the reader disconnects or the daemon ends. It flushes when
// no more events are waiting.
func stream(ctx context.Context, w http.ResponseWriter, o *vpc.Observer, write func(vpc.Event) error) {
	flush := http.NewResponseController(w)
	for flush.Flush() == nil {
		select {
		case <-ctx.Done():
			return
		case e := <-o.Events():
			if write(e) != nil {
				return
			}
		}
		for waiting := len(o.Events()); waiting > 0; waiting-- {
			if write(<-o.Events()) != nil {
				return
			}
		}
	}
}

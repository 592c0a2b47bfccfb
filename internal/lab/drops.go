package lab

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
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

// followed is a line of what FollowDrops is told.
type followed struct {
	Drop
	// Lost is how many drops were not told, for there were too many at once.
	Lost uint64 `json:"lost,omitempty"`
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

func dropOf(e vpc.Event) Drop {
	return Drop{
		Time: e.Time, Port: e.Port.String(), Direction: e.Direction.String(),
		Reason: e.Reason.String(), Length: e.Length, Summary: e.Summary(),
	}
}

// serveObservations shows what the fabric does.
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
			return out.Encode(followed{dropOf(e), lost - told})
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

// stream passes events on until the reader has gone or the daemon ends. What has
// been written is sent as soon as nothing more waits.
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

// ReadDrops asks the daemon what its fabric did not pass on.
func ReadDrops(ctx context.Context) (Drops, error) {
	var d Drops
	err := ask(ctx, http.MethodGet, "/drops", &d)
	return d, err
}

// FollowDrops calls show for each drop from now on, until ctx ends or show
// fails. Lost says how many were left out before it.
func FollowDrops(ctx context.Context, show func(d Drop, lost uint64) error) error {
	lines, err := open(ctx, http.MethodGet, "/drops/follow")
	if err != nil {
		return err
	}
	defer lines.Close()
	in := json.NewDecoder(bufio.NewReader(lines))
	for {
		var f followed
		if err := in.Decode(&f); err != nil {
			return ended(ctx, err)
		}
		if err := show(f.Drop, f.Lost); err != nil {
			return err
		}
	}
}

// Capture writes the frames of a port, an ENI's ID, "internet" or "services", or
// of all ports if it is empty, to out as they pass or are dropped, in pcapng,
// until ctx ends.
func Capture(ctx context.Context, port string, dropsOnly bool, out io.Writer) error {
	q := url.Values{"port": {port}}
	if dropsOnly {
		q.Set("drops", "true")
	}
	frames, err := open(ctx, http.MethodGet, "/pcap?"+q.Encode())
	if err != nil {
		return err
	}
	defer frames.Close()
	_, err = io.Copy(out, frames)
	return ended(ctx, err)
}

// ended makes an error of the end of a stream, unless the end was wanted.
func ended(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return nil
	case err == nil, errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return ErrDown
	}
	return err
}

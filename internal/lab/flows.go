package lab

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"macaw/internal/lab/vpc"
)

// Flow is a record of the flow log: what went from one address and port to
// another at a port of the fabric in an interval, and whether it was passed on.
type Flow struct {
	Port      string     `json:"port"` // an ENI's ID, "internet" or "services"
	Direction string     `json:"direction"`
	Source    netip.Addr `json:"source"`      // "" for what is not IP
	Dest      netip.Addr `json:"destination"` // likewise
	SPort     uint16     `json:"source_port"`
	DPort     uint16     `json:"destination_port"`
	Protocol  uint8      `json:"protocol"`  // of IP
	EtherType uint16     `json:"ethertype"` // 0 at "internet" and "services"
	Packets   uint64     `json:"packets"`
	Bytes     uint64     `json:"bytes"`
	Start     time.Time  `json:"start"`
	End       time.Time  `json:"end"`
	Action    string     `json:"action"` // ACCEPT or REJECT
	Reason    string     `json:"reason,omitempty"`
}

func flowOf(f vpc.Flow) Flow {
	r := Flow{
		Port: f.Port.String(), Direction: f.Direction.String(), Source: f.Source, Dest: f.Dest, SPort: f.SPort, DPort: f.DPort,
		Protocol: f.Protocol, EtherType: f.EtherType, Packets: f.Packets, Bytes: f.Bytes, Start: f.Start, End: f.End, Action: "ACCEPT",
	}
	if f.Reason != vpc.ReasonNone {
		r.Action, r.Reason = "REJECT", f.Reason.String()
	}
	return r
}

// flowBatch is what one interval gives.
type flowBatch struct {
	Flows []Flow `json:"flows"`
	Lost  uint64 `json:"lost,omitempty"` // frames not looked at, so far
}

// serveFlows sends a batch after each interval until the reader has gone.
func serveFlows(mux *http.ServeMux, f *vpc.Fabric) {
	mux.HandleFunc("GET /flows", func(w http.ResponseWriter, r *http.Request) {
		every, err := time.ParseDuration(r.URL.Query().Get("interval"))
		if err != nil || every <= 0 {
			http.Error(w, fmt.Sprintf("interval %q is not a positive duration", r.URL.Query().Get("interval")), http.StatusBadRequest)
			return
		}
		what := vpc.Observation{Buffer: 1 << 16}
		if port := r.URL.Query().Get("port"); port != "" {
			what.Port = portNamed(port)
		}
		o := f.Observe(what)
		defer o.Close()
		tick := time.NewTicker(every)
		defer tick.Stop()
		var log vpc.FlowLog
		out, flush := json.NewEncoder(w), http.NewResponseController(w)
		for flush.Flush() == nil {
			for due := false; !due; {
				select {
				case <-r.Context().Done():
					return
				case e := <-o.Events():
					log.Add(e)
				case <-tick.C:
					due = true
				}
			}
			batch := flowBatch{Flows: []Flow{}, Lost: o.Lost()}
			for _, flow := range log.Take() {
				batch.Flows = append(batch.Flows, flowOf(flow))
			}
			if out.Encode(batch) != nil {
				return
			}
		}
	})
}

// FollowFlows calls show with the flow log's records of each interval from now
// on, at one port or, if it is empty, at all, until ctx ends or show fails. Lost
// counts the frames that there was no time to look at.
func FollowFlows(ctx context.Context, port string, every time.Duration, show func(flows []Flow, lost uint64) error) error {
	lines, err := open(ctx, http.MethodGet, "/flows?"+url.Values{"port": {port}, "interval": {every.String()}}.Encode())
	if err != nil {
		return err
	}
	defer lines.Close()
	in := json.NewDecoder(bufio.NewReader(lines))
	for {
		var b flowBatch
		if err := in.Decode(&b); err != nil {
			return ended(ctx, err)
		}
		if err := show(b.Flows, b.Lost); err != nil {
			return err
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"macaw.example/lab/internal/control"
	"macaw.example/lab/internal/vpc"
)

func flowOf(f vpc.Flow) control.Flow {
	r := control.Flow{
		Port: f.Port.String(), Direction: f.Direction.String(), Source: f.Source, Dest: f.Dest, SPort: f.SPort,
		DPort:    f.DPort,
		Protocol: f.Protocol, EtherType: f.EtherType, Packets: f.Packets, Bytes: f.Bytes, Start: f.Start, End: f.End,
		Action: "ACCEPT",
	}
	if f.Reason != vpc.ReasonNone {
		r.Action, r.Reason = "REJECT", f.Reason.String()
	}
	return r
}

// serveFlows sends a batch after each interval until the reader disconnects.
func serveFlows(mux *http.ServeMux, f *vpc.Fabric) {
	mux.HandleFunc("GET /flows", func(w http.ResponseWriter, r *http.Request) {
		every, err := time.ParseDuration(r.URL.Query().Get("interval"))
		if err != nil || every <= 0 {
			http.Error(w, fmt.Sprintf("interval %q is not a positive duration", r.URL.Query().Get("interval")),
				http.StatusBadRequest)
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
			batch := control.FlowBatch{Flows: []control.Flow{}, Lost: o.Lost()}
			for _, flow := range log.Take() {
				batch.Flows = append(batch.Flows, flowOf(flow))
			}
			if out.Encode(batch) != nil {
				return
			}
		}
	})
}

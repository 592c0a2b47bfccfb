// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"

	"macaw.example/lab/internal/control"
	"macaw.example/lab/internal/faults"
)

func faultsPath() string { return filepath.Join(control.Dir, "faults.json") }

// serveFaults serves requests that read and change the fault plan. Every answer is the
// resulting plan.
func serveFaults(mux *http.ServeMux, i *faults.Injector) {
	answer := func(w http.ResponseWriter, err error) {
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(i.List())
	}
	mux.HandleFunc("GET /faults", func(w http.ResponseWriter, _ *http.Request) { answer(w, nil) })
	mux.HandleFunc("POST /faults", func(w http.ResponseWriter, r *http.Request) {
		var f faults.Fault
		if err := json.Unmarshal([]byte(r.FormValue("fault")), &f); err != nil {
			answer(w, fmt.Errorf("reading a fault: %w", err))
			return
		}
		answer(w, i.Set(r.Context(), f))
	})
	mux.HandleFunc("POST /faults/seed", func(w http.ResponseWriter, r *http.Request) {
		seed, err := strconv.ParseUint(r.FormValue("seed"), 10, 64)
		if err == nil {
			err = i.SetSeed(r.Context(), seed)
		}
		answer(w, err)
	})
	mux.HandleFunc("DELETE /faults", func(w http.ResponseWriter, r *http.Request) {
		answer(w, i.Clear(r.Context(), r.FormValue("name"), r.FormValue("which")))
	})
}

// ReadFaults asks the daemon which faults are on.
func ReadFaults(ctx context.Context) (faults.Plan, error) {
	var p faults.Plan
	err := control.Ask(ctx, http.MethodGet, "/faults", &p)
	return p, err
}

// SetFault turns a fault on and returns the resulting plan. It replaces a fault of the same
// name, target and action.
func SetFault(ctx context.Context, f faults.Fault) (faults.Plan, error) {
	var p faults.Plan
	b, err := json.Marshal(f)
	if err != nil {
		return p, err
	}
	err = control.Ask(ctx, http.MethodPost, "/faults?"+url.Values{"fault": {string(b)}}.Encode(), &p)
	return p, err
}

// SetFaultSeed makes random events repeatable from now on.
func SetFaultSeed(ctx context.Context, seed uint64) (faults.Plan, error) {
	var p faults.Plan
	err := control.Ask(ctx, http.MethodPost, "/faults/seed?seed="+strconv.FormatUint(seed, 10), &p)
	return p, err
}

// ClearFaults turns faults off: all of a name, or the one with a target or an action
// pattern; an empty name means all.
func ClearFaults(ctx context.Context, name, which string) (faults.Plan, error) {
	var p faults.Plan
	err := control.Ask(ctx, http.MethodDelete, "/faults?"+url.Values{"name": {name}, "which": {which}}.Encode(), &p)
	return p, err
}

// PowerOff cuts a machine's power.
func (m *machines) PowerOff(ctx context.Context, id string) error {
	return m.manager.Stop(ctx, id, 0)
}

// PowerOn boots a machine whose power was cut; its disk is unchanged since.
func (m *machines) PowerOn(ctx context.Context, id string) error {
	spec, err := m.manager.Spec(id)
	if err != nil {
		return fmt.Errorf("switching machine %s on: %w", id, err)
	}
	if err := m.plug(spec); err != nil {
		return err
	}
	if err := m.manager.Start(ctx, id); err != nil {
		return err
	}
	go m.watch(id)
	return nil
}

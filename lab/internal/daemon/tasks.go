// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"macaw.example/lab/internal/control"
)

// slow is how long a step may take before it is reported.
const slow = 5 * time.Second

// tasks is the work in progress on machines. It is safe for concurrent use.
type tasks struct {
	mu  sync.Mutex
	all map[string]control.Task // by instance
}

// do runs fn on a machine and records its progress: begin is the first step, and fn names
// the next ones. A failure is kept until the machine's next task ends.
func (t *tasks) do(instance, begin string, fn func(step func(string)) error) error {
	before := t.of(instance)
	task := control.Task{Instance: instance}
	step := func(what string) {
		task.Step, task.Since = what, time.Now()
		if before.Error == "" {
			t.set(task)
		}
	}
	step(begin)
	err := fn(step)
	switch {
	case err == nil:
		t.drop(instance)
	case errors.Is(err, context.Canceled): // superseded by another request
		t.drop(instance)
	default:
		task.Error = err.Error()
		if before.Error != "" && before.Step == task.Step {
			task.Since = before.Since
		}
		t.set(task)
	}
	return err
}

func (t *tasks) of(instance string) control.Task {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.all[instance]
}

func (t *tasks) set(task control.Task) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all == nil {
		t.all = map[string]control.Task{}
	}
	t.all[task.Instance] = task
}

func (t *tasks) drop(instance string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.all, instance)
}

// slow returns the tasks that failed or take long, by instance.
func (t *tasks) slow() []control.Task {
	t.mu.Lock()
	defer t.mu.Unlock()
	found := []control.Task{}
	for _, task := range t.all {
		if task.Error != "" || time.Since(task.Since) >= slow {
			found = append(found, task)
		}
	}
	slices.SortFunc(found, func(a, b control.Task) int { return cmp.Compare(a.Instance, b.Instance) })
	return found
}

func serveTasks(mux *http.ServeMux, t *tasks) {
	mux.HandleFunc("GET /tasks", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(t.slow())
	})
}

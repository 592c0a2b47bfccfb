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

// slow is how long a step may take before it is worth a word.
const slow = 5 * time.Second

// tasks keeps what is being done to machines. It may be used side by side.
type tasks struct {
	mu  sync.Mutex
	all map[string]control.Task // by instance
}

// do does something to a machine: begin is its first step, and fn says what the
// next ones are. A failure is kept until the machine's next task has an end.
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
	case errors.Is(err, context.Canceled): // something else is wanted now
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

// slow returns what has failed or takes long, by instance.
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

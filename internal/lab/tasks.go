package lab

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Task is something that is done to a machine and takes long, or has failed and
// will be tried again.
type Task struct {
	Instance string    `json:"instance"`
	Step     string    `json:"step"` // such as "ending its processes"
	Since    time.Time `json:"since"`
	// Error is why it failed the last time; empty while it goes on.
	Error string `json:"error,omitempty"`
}

func (t Task) String() string {
	if t.Error != "" {
		return fmt.Sprintf("%s: %s failed: %s", t.Instance, t.Step, t.Error)
	}
	return fmt.Sprintf("%s: %s", t.Instance, t.Step)
}

// slow is how long a step may take before it is worth a word.
const slow = 5 * time.Second

// tasks keeps what is being done to machines. It may be used side by side.
type tasks struct {
	mu  sync.Mutex
	all map[string]Task // by instance
}

// do does something to a machine: begin is its first step, and fn says what the
// next ones are. A failure is kept until the machine's next task has an end.
func (t *tasks) do(instance, begin string, fn func(step func(string)) error) error {
	before := t.of(instance)
	task := Task{Instance: instance}
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

func (t *tasks) of(instance string) Task {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.all[instance]
}

func (t *tasks) set(task Task) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all == nil {
		t.all = map[string]Task{}
	}
	t.all[task.Instance] = task
}

func (t *tasks) drop(instance string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.all, instance)
}

// slow returns what has failed or takes long, by instance.
func (t *tasks) slow() []Task {
	t.mu.Lock()
	defer t.mu.Unlock()
	found := []Task{}
	for _, task := range t.all {
		if task.Error != "" || time.Since(task.Since) >= slow {
			found = append(found, task)
		}
	}
	slices.SortFunc(found, func(a, b Task) int { return cmp.Compare(a.Instance, b.Instance) })
	return found
}

func serveTasks(mux *http.ServeMux, t *tasks) {
	mux.HandleFunc("GET /tasks", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(t.slow())
	})
}

// SlowTasks is what the lab does to its machines that takes long or fails again
// and again: why an instance stays in a state that it should leave.
func SlowTasks(ctx context.Context) ([]Task, error) {
	var found []Task
	err := ask(ctx, http.MethodGet, "/tasks", &found)
	return found, err
}

// SPDX-License-Identifier: Apache-2.0

package control

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// Task is work on a machine that takes long, or that has failed and will be retried.
type Task struct {
	Instance string    `json:"instance"`
	Step     string    `json:"step"` // such as "ending its processes"
	Since    time.Time `json:"since"`
	// Error is the cause of the last failure; empty while the work is in progress.
	Error string `json:"error,omitempty"`
}

func (t Task) String() string {
	if t.Error != "" {
		return fmt.Sprintf("%s: %s failed: %s", t.Instance, t.Step, t.Error)
	}
	return fmt.Sprintf("%s: %s", t.Instance, t.Step)
}

// SlowTasks returns the work on machines that takes long or keeps failing. It explains why
// an instance stays in a transitional state.
func SlowTasks(ctx context.Context) ([]Task, error) {
	var found []Task
	err := Ask(ctx, http.MethodGet, "/tasks", &found)
	return found, err
}

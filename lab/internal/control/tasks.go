// SPDX-License-Identifier: Apache-2.0

package control

import (
	"context"
	"fmt"
	"net/http"
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

// SlowTasks is what the lab does to its machines that takes long or fails again
// and again: why an instance stays in a state that it should leave.
func SlowTasks(ctx context.Context) ([]Task, error) {
	var found []Task
	err := Ask(ctx, http.MethodGet, "/tasks", &found)
	return found, err
}

// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"macaw.example/lab"
)

func TestShowTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 11*time.Second)
		defer cancel()
		read := func(context.Context) ([]lab.Task, error) {
			task := lab.Task{Instance: "i-1", Step: "ending its processes"}
			switch at := time.Since(begin); {
			case at < 3*time.Second:
				return nil, errors.New("the daemon is being started")
			case at > 7*time.Second:
				task.Error = "it hangs"
			}
			return []lab.Task{task}, nil
		}
		var shown []string
		showTasks(ctx, read, func(text string) { shown = append(shown, time.Since(begin).String()+" "+text) })
		want := []string{"4s machine i-1: ending its processes", "8s machine i-1: ending its processes failed: it hangs"}
		if diff := cmp.Diff(want, shown); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
}

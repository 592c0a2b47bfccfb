// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"
	"time"

	"macaw.example/lab"
)

// watchLab shows the lab's operations on its machines that take long or fail. EC2's API does not
// report them: a run whose machine cannot be terminated would wait silently. The caller calls stop
// at the end.
func (d *Deployment) watchLab(ctx context.Context) (stop func()) {
	if d.running == nil {
		return func() {}
	}
	ctx, stop = context.WithCancel(ctx)
	go showTasks(ctx, d.running.Tasks, func(text string) { d.Progress.Note(phaseLab, text) })
	return stop
}

// showTasks shows each task once, and again when its text changes.
func showTasks(ctx context.Context, read func(context.Context) ([]lab.Task, error), show func(string)) {
	shown := map[string]string{}
	for tick := time.Tick(2 * time.Second); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick:
		}
		tasks, err := read(ctx)
		if err != nil {
			continue // the daemon is restarting
		}
		for _, t := range tasks {
			if text := t.String(); shown[t.Instance] != text {
				shown[t.Instance] = text
				show("machine " + text)
			}
		}
	}
}

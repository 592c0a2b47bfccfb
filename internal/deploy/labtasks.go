// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"
	"time"

	"macaw.example/lab"
)

// watchLab shows what the lab does to its machines and takes long or fails, which
// its EC2 tells nobody: a cloud whose machine can't be ended would wait without a
// word. What it returns ends it.
func (d *Deployment) watchLab(ctx context.Context) (stop func()) {
	if d.running == nil {
		return func() {}
	}
	ctx, stop = context.WithCancel(ctx)
	go showTasks(ctx, d.running.Tasks, func(text string) { d.Progress.Note(phaseLab, text) })
	return stop
}

// showTasks shows each task once, and again when there is something new to say of it.
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
			continue // the daemon is being started anew
		}
		for _, t := range tasks {
			if text := t.String(); shown[t.Instance] != text {
				shown[t.Instance] = text
				show("machine " + text)
			}
		}
	}
}

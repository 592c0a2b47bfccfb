// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"macaw.example/internal/drain/draintest"
	"macaw.example/internal/hint"
)

// A node loses the role compute only without guests, and a refusal comes before anything has changed.
func TestEndOfCompute(t *testing.T) {
	const fewer = file + `nodes:
  - {name: gw, roles: [gateway], count: 2}
  - {name: ctl, roles: [controller]}
  - {name: cmp, roles: [compute], count: 2}
`
	synctest.Test(t, func(t *testing.T) {
		w := newSeveralWorld(t)
		mustUpAs(t, w, several, UpOptions{})
		w.nova = draintest.New("gw-1", "gw-2", "cmp-1", "cmp-2")
		w.nova.Add("off", "gw-1", "SHUTOFF")
		d, _ := w.process(fewer)
		_, err := d.Up(t.Context(), UpOptions{})
		if err == nil || !strings.Contains(err.Error(), "ending the role compute of node gw-1: guests are on node gw-1: "+
			"off of project tenant") ||
			!strings.Contains(strings.Join(hint.All(err), "\n"), "macaw node drain cloud.yaml gw-1") {
			t.Fatalf("with a guest: %v, %q", err, hint.All(err))
		}
		d, _ = w.process(several)
		if plan, err := d.Plan(t.Context()); err != nil || !plan.Empty() {
			t.Errorf("something has changed: %v\n%s", err, plan.Plan)
		}
		w.nova.Called = func(context.Context, string) error { return errors.New("no answer") }
		d, progress := w.process(fewer)
		if _, err := d.Up(t.Context(), UpOptions{}); err != nil ||
			!strings.Contains(strings.Join(progress.notes, "\n"), "no answer") {
			t.Errorf("without Nova's answer: %v, %q", err, progress.notes)
		}
		mustUpAs(t, w, several, UpOptions{})
		w.nova.Called = nil
		w.nova.Delete("off")
		mustUpAs(t, w, fewer, UpOptions{})
		// Now it is no compute, and up asks no more.
		w.nova.Calls = nil
		if mustUpAs(t, w, fewer, UpOptions{}); len(w.nova.Calls) > 0 {
			t.Errorf("Nova was asked: %q", w.nova.Calls)
		}
	})
}

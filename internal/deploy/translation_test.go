// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"macaw.example/internal/hint"
	"macaw.example/internal/verify"
)

// A translation that an operator has switched off stays off, and every command says so at once.
func TestTranslationOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		first := mustUp(t, w)
		w.nodes[first.Nodes[0].InstanceID].off = true
		w.verified = 0
		const on = "macaw agent on cloud.yaml"

		d, _ := w.process(file)
		res, err := d.Up(t.Context(), UpOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if len(res.Findings) != 1 || res.Findings[0].Code != translationOff || !strings.Contains(res.Findings[0].Hint, on) ||
			!strings.HasPrefix(res.Verified, "no: ") {
			t.Errorf("up: %+v", res)
		}
		st, err := d.Status(t.Context())
		if err != nil || len(st.Findings) != 1 || !strings.Contains(st.Findings[0].Hint, on) {
			t.Errorf("status: %+v, %v", st.Findings, err)
		}
		_, err = d.Up(t.Context(), UpOptions{Verify: Always})
		if err == nil || !slices.Contains(hint.All(err), on) {
			t.Errorf("up --verify=always: %v, hints %q", err, hint.All(err))
		}
		_, err = d.Verify(t.Context(), false)
		if err == nil || !slices.Contains(hint.All(err), on) {
			t.Errorf("verify: %v, hints %q", err, hint.All(err))
		}
		if w.verified > 0 {
			t.Errorf("a guest was made %d times", w.verified)
		}
		w.down(t)
	})
}

// A verification ends when the translation is switched off meanwhile.
func TestTranslationSwitchedOffDuringVerify(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSeveralWorld(t)
		mustUpAs(t, w, several, UpOptions{})
		gateway := w.named(t, "gw-2")
		watched := 0
		w.verifying = func(ctx context.Context, cfg verify.Config) error {
			if err := cfg.Watch(ctx); err != nil {
				t.Errorf("while all are on: %v", err)
			}
			gateway.off = true
			watched++
			return cfg.Watch(ctx)
		}
		for name, run := range map[string]func(*Deployment) error{
			"verify": func(d *Deployment) error { _, err := d.Verify(t.Context(), false); return err },
			"up":     func(d *Deployment) error { _, err := d.Up(t.Context(), UpOptions{Verify: Always}); return err },
		} {
			gateway.off = false
			d, _ := w.process(several)
			err := run(d)
			if err == nil || !strings.Contains(err.Error(), "the translation of gw-2 is switched off") ||
				!slices.Contains(hint.All(err), "macaw agent on cloud.yaml") {
				t.Errorf("%s: %v, hints %q", name, err, hint.All(err))
			}
		}
		if watched != 2 {
			t.Errorf("watched %d times", watched)
		}
	})
}

// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// A long wait is told every 30 seconds, and ends as soon as it is known to be in vain.
func TestLongWaits(t *testing.T) {
	off := errors.New("the translation is switched off")
	for _, tt := range []struct {
		name  string
		lasts time.Duration
		off   time.Duration // since then; zero: never
		notes []string
		want  error
		after time.Duration
	}{
		{name: "short", lasts: 20 * time.Second, after: 20 * time.Second},
		{name: "long", lasts: 70 * time.Second, after: 70 * time.Second,
			notes: []string{"still waiting after 30s: guest answers", "still waiting after 1m0s: guest answers"}},
		{name: "in vain", lasts: time.Hour, off: 40 * time.Second, want: off, after: time.Minute,
			notes: []string{"still waiting after 30s: guest answers", "still waiting after 1m0s: guest answers"}},
		{name: "in vain at the end", lasts: 50 * time.Second, off: 40 * time.Second, after: 50 * time.Second,
			notes: []string{"still waiting after 30s: guest answers"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			begun := time.Now()
			var notes []string
			cfg := Config{
				Note: func(text string) { notes = append(notes, text) },
				Watch: func(context.Context) error {
					if tt.off > 0 && time.Since(begun) >= tt.off {
						return off
					}
					return nil
				},
			}
			ended := 0
			step := func(string) func(error) { return func(error) { ended++ } }
			err := cfg.step(t.Context(), step, "guest answers", cfg.Watch, func(ctx context.Context) error {
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-time.After(tt.lasts):
					return nil
				}
			})
			if !errors.Is(err, tt.want) || err == nil != (tt.want == nil) || time.Since(begun) != tt.after || ended != 1 {
				t.Errorf("%s: %v after %s, ended %d times", tt.name, err, time.Since(begun), ended)
			}
			if !slices.Equal(notes, tt.notes) {
				t.Errorf("%s: notes %q", tt.name, notes)
			}
		})
	}
}

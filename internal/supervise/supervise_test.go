// SPDX-License-Identifier: Apache-2.0

package supervise

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// Each failure is told once, and again after a success; the end is none.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var told []string
		began, calls := time.Now(), 0
		Run(ctx, time.Second, func() error {
			switch calls++; calls {
			case 1, 2:
				return errors.New("refused")
			case 3:
				return errors.New("reset")
			case 4:
				return nil
			case 5:
				time.Sleep(time.Minute)
				return errors.New("reset")
			}
			cancel()
			return ctx.Err()
		}, func(err error) { told = append(told, err.Error()) })
		if want := []string{"refused", "reset", "reset"}; !slices.Equal(told, want) || calls != 6 {
			t.Errorf("told %q in %d calls, want %q", told, calls, want)
		}
		if took := time.Since(began); took != time.Minute+5*time.Second {
			t.Errorf("took %s", took)
		}
	})
}

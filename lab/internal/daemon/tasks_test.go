// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ts tasks
		see := func(when string, want ...string) {
			t.Helper()
			got := []string{}
			for _, task := range ts.slow() {
				got = append(got, task.String())
			}
			if diff := cmp.Diff(append([]string{}, want...), got); diff != "" {
				t.Errorf("%s (-want +got)\n%s", when, diff)
			}
		}
		busy := errors.New("device or resource busy")
		err := ts.do("i-1", "disconnecting", func(step func(string)) error {
			time.Sleep(slow - time.Nanosecond)
			see("quick")
			time.Sleep(time.Nanosecond)
			see("slow", "i-1: disconnecting")
			step("removing its files")
			see("the next step")
			return busy
		})
		if !errors.Is(err, busy) {
			t.Errorf("do returned %v", err)
		}
		see("failed", "i-1: removing its files failed: device or resource busy")
		err = ts.do("i-1", "disconnecting", func(func(string)) error {
			see("tried again", "i-1: removing its files failed: device or resource busy")
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		see("done")
		_ = ts.do("i-1", "booting", func(func(string)) error { return context.Canceled })
		see("given up for something else")
	})
}

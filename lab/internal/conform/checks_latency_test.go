// SPDX-License-Identifier: Apache-2.0

package conform

import (
	"testing"
	"time"
)

// No duration is negative: what was seen earlier was before.
func TestAfter(t *testing.T) {
	call := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	for late, want := range map[time.Duration]string{
		1260 * time.Millisecond: "1.3 s after the call had succeeded",
		20 * time.Millisecond:   "0.0 s after the call had succeeded",
		-20 * time.Millisecond:  "0.0 s after the call had succeeded",
		-90 * time.Millisecond:  "0.1 s before the call had succeeded",
	} {
		if got := after(call, call.Add(late)); got != want {
			t.Errorf("%s: %q, want %q", late, got, want)
		}
	}
	if got := after(call, time.Time{}); got != "not within 13 s" {
		t.Error(got)
	}
}

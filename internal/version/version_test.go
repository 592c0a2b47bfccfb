// SPDX-License-Identifier: Apache-2.0

package version

import (
	"runtime/debug"
	"testing"
)

func TestDescribe(t *testing.T) {
	vcs := &debug.BuildInfo{Main: debug.Module{Version: "(devel)"}, Settings: []debug.BuildSetting{
		{Key: "vcs.revision", Value: "1a2b3c4d5e6f7a8b9c0d"}, {Key: "vcs.time", Value: "2026-11-29T20:00:00Z"},
		{Key: "vcs.modified", Value: "true"},
	}}
	installed := &debug.BuildInfo{Main: debug.Module{Version: "v0.1.0"}}
	for _, tt := range []struct {
		tag, commit, date string
		info              *debug.BuildInfo
		want              string
	}{
		{"v0.1.0", "1a2b3c4d5e6f", "2026-11-29", &debug.BuildInfo{}, "v0.1.0 (1a2b3c4d5e6f, 2026-11-29)"},
		{"", "1a2b3c4d5e6f-dirty", "2026-11-29", vcs, "devel (1a2b3c4d5e6f-dirty, 2026-11-29)"},
		{"", "", "", vcs, "devel (1a2b3c4d5e6f-dirty, 2026-11-29)"},
		{"", "", "", installed, "v0.1.0"},
		{"", "", "", &debug.BuildInfo{}, "devel"},
	} {
		if got := describe(tt.tag, tt.commit, tt.date, tt.info); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}

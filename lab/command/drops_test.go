// SPDX-License-Identifier: Apache-2.0

package command

import (
	"strings"
	"testing"

	"macaw.example/internal/hint"
	"macaw.example/lab/internal/control"
)

func TestDropFilter(t *testing.T) {
	drops := func() control.Drops {
		return control.Drops{
			Counts: []control.DropCount{
				{Port: "eni-1", Reason: "source-mac"}, {Port: "eni-1", Reason: "mtu"}, {Port: "internet", Reason: "mtu"},
			},
			Recent: []control.Drop{{Port: "internet", Reason: "mtu"}, {Port: "eni-1", Reason: "source-mac"}},
		}
	}
	for _, tt := range []struct {
		only           dropFilter
		counts, recent int
	}{
		{dropFilter{}, 3, 2}, {dropFilter{port: "eni-1"}, 2, 1}, {dropFilter{reason: "mtu"}, 2, 1},
		{dropFilter{"eni-1", "mtu"}, 1, 0}, {dropFilter{port: "eni-2"}, 0, 0},
	} {
		got := tt.only.of(drops())
		if len(got.Counts) != tt.counts || len(got.Recent) != tt.recent {
			t.Errorf("%+v: %d counts and %d drops, want %d and %d", tt.only, len(got.Counts), len(got.Recent), tt.counts,
				tt.recent)
		}
	}
	if err := (dropFilter{reason: "source-mac"}).check(); err != nil {
		t.Error(err)
	}
	err := dropFilter{reason: "sourcemac"}.check()
	if err == nil || !strings.Contains(strings.Join(hint.All(err), ""), "source-mac") {
		t.Errorf("an unknown reason: %v, hints %q", err, hint.All(err))
	}
}

// SPDX-License-Identifier: Apache-2.0

package systemd

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const shown = `Id=keystone.service
LoadState=loaded
ActiveState=active
ExecMainStartTimestamp=Mon 2026-11-23 01:04:40.123456 UTC
ActiveEnterTimestamp=Mon 2026-11-23 01:04:41.000000 UTC

ExecMainStartTimestamp=n/a
Id=libvirtd.socket
LoadState=loaded
ActiveState=active
ActiveEnterTimestamp=Mon 2026-11-23 01:00:00.500000 UTC

Id=apache2.service
LoadState=loaded
ActiveState=failed
ExecMainStartTimestamp=
ActiveEnterTimestamp=
NeedDaemonReload=yes

Job=711
Id=nova-api.service
LoadState=loaded
UnitFileState=enabled
ActiveState=inactive

Id=apt-daily.timer
LoadState=masked
UnitFileState=masked
ActiveState=inactive
Job=

Id=x.service
LoadState=not-found
ActiveState=inactive
`

func TestParse(t *testing.T) {
	units := []string{"keystone.service", "libvirtd.socket", "apache2.service", "nova-api.service", "apt-daily.timer",
		"x.service"}
	got, err := parse(shown, units)
	if err != nil {
		t.Fatal(err)
	}
	want := []Unit{
		{Name: "keystone.service", Active: true, Started: time.Date(2026, 11, 23, 1, 4, 40, 123456000, time.UTC)},
		{Name: "libvirtd.socket", Active: true, Started: time.Date(2026, 11, 23, 1, 0, 0, 500000000, time.UTC)},
		{Name: "apache2.service", Outdated: true},
		{Name: "nova-api.service", Enabled: true, Queued: true},
		{Name: "apt-daily.timer", Missing: "masked"},
		{Name: "x.service", Missing: "not-found"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("units (-want +got):\n%s", diff)
	}
	if _, err := parse("Id=x.service\nActiveState=inactive\n", []string{"x.service"}); err == nil {
		t.Error("a description without LoadState is accepted")
	}
	if _, err := parse(shown, units[:2]); err == nil {
		t.Error("three answers to two questions are accepted")
	}
}

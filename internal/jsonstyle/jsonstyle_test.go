// SPDX-License-Identifier: Apache-2.0

package jsonstyle

import (
	"net/netip"
	"slices"
	"testing"
)

func TestProblems(t *testing.T) {
	type good struct {
		ElasticIP  netip.Addr `json:"elasticIP,omitzero"`
		InstanceID string     `json:"instanceID"`
		Idle       string     `json:"isIdle"`
		Secret     string     `json:"-"`
		hidden     int
	}
	_ = good{}.hidden
	type bad struct {
		good
		Snake string   `json:"pin_dir"`
		Id    string   `json:"instanceId"`
		IPs   []string `json:"elasticIps"`
		Bare  string
	}
	if got := Problems(good{}, map[string][]*good{}, netip.Addr{}); len(got) > 0 {
		t.Errorf("%q", got)
	}
	want := []string{
		`jsonstyle.bad.Bare has no name`, `jsonstyle.bad.IPs is "elasticIps"`, `jsonstyle.bad.Id is "instanceId"`,
		`jsonstyle.bad.Snake is "pin_dir"`,
	}
	if got := Problems([]bad{}); !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

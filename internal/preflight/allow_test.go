// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"macaw.example/internal/cloud"
	"macaw.example/internal/infra"
)

func TestAllow(t *testing.T) {
	for _, tt := range []struct {
		allow, operator string
		elsewhere       bool // the endpoint is not AWS's
		want            []string
	}{
		{allow: "0.0.0.0/0"},
		{allow: "8.8.8.0/24"},
		{allow: "198.51.100.7/32", elsewhere: true},
		{allow: "8.8.8.8/32, 198.51.100.7/32",
			want: []string{"✗ management.allow: 198.51.100.7/32 is for documentation (198.51.100.0/24): from there nobody"}},
		{allow: "192.168.0.0/16", want: []string{"✗ management.allow: 192.168.0.0/16 is private (192.168.0.0/16)"}},
		{allow: "10.1.2.0/24", want: []string{"✗ management.allow: 10.1.2.0/24 is private (10.0.0.0/8)"}},
		{allow: "8.8.8.0/24", operator: "8.8.8.9",
			want: []string{"✓ management.allow: this machine's public address, 8.8.8.9,"}},
		{allow: "8.8.8.0/24", operator: "9.9.9.9",
			want: []string{"? management.allow: this machine's public address, 9.9.9.9, is not in 8.8.8.0/24"}},
	} {
		c, err := cloud.Parse("x.yaml", fmt.Appendf(nil,
			"name: x\ntarget: eu-central-1\nmanagement: {allow: [%s]}\n", tt.allow))
		if err != nil {
			t.Fatal(err)
		}
		r := &run{Input: Input{Wanted: infra.Wanted{Cloud: c}, Public: !tt.elsewhere}, c: c}
		if tt.operator != "" {
			r.Operator = netip.MustParseAddr(tt.operator)
		}
		r.allow()
		if len(r.checks) != len(tt.want) {
			t.Errorf("%s: %v, want %q", tt.allow, r.checks, tt.want)
			continue
		}
		for i, want := range tt.want {
			if got := r.checks[i]; !strings.HasPrefix(got.String(), want) || got.State != Passed && got.Hint == "" {
				t.Errorf("%s: %v, hint %q; want %s", tt.allow, got, got.Hint, want)
			}
		}
	}
}

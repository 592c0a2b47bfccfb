// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"macaw.example/internal/cloud"
	"macaw.example/internal/infra"
)

func TestDomainFindings(t *testing.T) {
	c, err := cloud.Parse("c.yaml", []byte("name: x\ntarget: lab\nmanagement:\n  domain: cloud.example.org\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, answer string
		err          error
		want         string // part of the finding; empty for none
	}{
		{"right", "198.51.100.10", nil, ""},
		{"as IPv6", "::ffff:198.51.100.10", nil, ""},
		{"another", "198.51.100.99", nil, "resolves to 198.51.100.99, and not to 198.51.100.10, the Elastic IP of cloud-1"},
		{"none", "", nil, "has no A record"},
		{"no answer", "", errors.New("i/o timeout"), "cannot be resolved, so no client reaches the cloud by it: i/o timeout"},
	} {
		d := &Deployment{Cloud: c, lookup: func(_ context.Context, _, host string) ([]netip.Addr, error) {
			if host != "cloud.example.org" {
				t.Errorf("asked for %s", host)
			}
			if tt.answer == "" {
				return nil, tt.err
			}
			return []netip.Addr{netip.MustParseAddr(tt.answer)}, nil
		}}
		got := d.domainFindings(t.Context(), infra.NodeOutput{Name: "cloud-1", ManagementPublic: "198.51.100.10"})
		if tt.want == "" && len(got) == 0 {
			continue
		}
		if len(got) != 1 || tt.want == "" || !strings.Contains(got[0].Text, tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, got, tt.want)
		}
	}
}

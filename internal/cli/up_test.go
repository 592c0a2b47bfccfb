// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"net/netip"
	"strings"
	"testing"

	"macaw.example/internal/deploy"
	"macaw.example/internal/model"
)

// After a change, up prints what to try, to the login; after none it does not.
func TestUpSummary(t *testing.T) {
	for _, tt := range []struct {
		changes    int
		policy     model.ElasticIPPolicy
		want, lack string
	}{
		{1, model.ElasticIPsAll, "(0.0s, 1 change).", "1 changes"},
		{2, model.ElasticIPsAll, "(0.0s, 2 changes).", "inside the VPC"},
		{2, model.ElasticIPsAll, "openstack server add floating ip guest $ip\n    openstack floating ip show $ip", ""},
		{2, model.ElasticIPsAll, "ssh -i guest_key tester@ADDRESS\n", "@$ip"},
		{2, model.ElasticIPsNone, "ssh -i guest_key tester@$ip", "ADDRESS"},
		{0, model.ElasticIPsAll, "nothing had to change", "To try next"},
	} {
		s := summary{UpResult: deploy.UpResult{Cloud: "lab", Changes: tt.changes, ElasticIPs: tt.policy,
			GuestImage: "tiny", GuestFlavor: "m1.nano", GuestUser: "tester"}, file: "cloud.yaml"}
		s.Given = []netip.Addr{netip.MustParseAddr("10.0.1.64")}
		var out strings.Builder
		if err := s.text(&out); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), tt.want) || tt.lack != "" && strings.Contains(out.String(), tt.lack) {
			t.Errorf("%d changes, policy %s: want %q, not %q:\n%s", tt.changes, tt.policy, tt.want, tt.lack, &out)
		}
	}
}

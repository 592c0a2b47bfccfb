// SPDX-License-Identifier: Apache-2.0

package cloud

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestProviderIPv6Addresses(t *testing.T) {
	subnet := netip.MustParsePrefix("2001:db8:0:1a03::/64")
	for _, tt := range []struct{ provider, want string }{
		{"addresses: 3", ""},
		{"addresses: 3, ipv6: false", ""},
		{"addresses: 3, ipv6: true", "2001:db8:0:1a03::1:0 2001:db8:0:1a03::1:1 2001:db8:0:1a03::1:2"},
		{"addresses: 2, ipv6: true, first: 10.0.1.9, elasticIPs: none", "2001:db8:0:1a03::1:0 2001:db8:0:1a03::1:1"},
	} {
		c, err := Parse("x.yaml", fmt.Appendf(nil, "name: x\ntarget: lab\nprovider: {%s}\n", tt.provider))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, a := range c.ProviderIPv6Addresses(subnet) {
			got = append(got, a.String())
		}
		if diff := cmp.Diff(tt.want, strings.Join(got, " ")); diff != "" {
			t.Errorf("%s: -want +got:\n%s", tt.provider, diff)
		}
	}
}

// One block covers the range of any size, and none of AWS's own addresses.
func TestIPv6Block(t *testing.T) {
	subnet := netip.MustParsePrefix("2001:db8:ffff:ffff::/64")
	block := IPv6Block(subnet)
	if block != block.Masked() || block.String() != "2001:db8:ffff:ffff::1:0/112" {
		t.Errorf("the block is %s", block)
	}
	c := &Cloud{Provider: Provider{Addresses: size(netip.MustParsePrefix("10.0.0.0/16")), IPv6: true}}
	addrs := c.ProviderIPv6Addresses(subnet)
	if last := addrs[len(addrs)-1]; len(addrs) != 65536 || !block.Contains(last) || !subnet.Contains(last) {
		t.Errorf("%d addresses, the last is %s", len(addrs), last)
	}
	if gateway := IPv6Gateway(subnet); gateway.String() != "2001:db8:ffff:ffff::1" || block.Contains(gateway) {
		t.Errorf("the gateway is %s", gateway)
	}
	if vpc := VPCIPv6Block(subnet); vpc.String() != "2001:db8:ffff:ff00::/56" {
		t.Errorf("the VPC's block is %s", vpc)
	}
}

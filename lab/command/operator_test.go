// SPDX-License-Identifier: Apache-2.0

package command

import (
	"net/netip"
	"slices"
	"testing"

	"macaw.example/internal/cloud"
	"macaw.example/lab/internal/internet"
)

// The user who runs macaw reaches a cloud in the lab; nobody else does unless the cloud
// file says so.
func TestTheLabLetsInItsOperator(t *testing.T) {
	c, err := cloud.Parse("lab.yaml", []byte("name: lab\ntarget: lab\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []netip.Prefix{netip.PrefixFrom(internet.Operator, internet.Operator.BitLen())}
	if !slices.Equal(c.Management.Allow, want) {
		t.Errorf("let in: %v, want %v", c.Management.Allow, want)
	}
}

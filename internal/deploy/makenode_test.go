// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"macaw.example/internal/agent"
	"macaw.example/internal/cloud"
	"macaw.example/internal/hint"
	"macaw.example/internal/infra"
	"macaw.example/internal/model"
)

func TestSpecOfIPv6(t *testing.T) {
	n := infra.NodeOutput{
		Name: "cloud-1", ManagementAddress: "10.0.0.4", ManagementPublic: "198.51.100.4",
		ProviderENI: infra.ProviderENI{MAC: "02:00:00:00:00:01", Primary: "10.0.1.4"},
	}
	for _, tt := range []struct{ file, subnet, gateway, last, err string }{
		{file: "provider: {addresses: 2}"},
		{file: "provider: {addresses: 2, ipv6: true}", subnet: "2001:db8:0:1::/64", gateway: "2001:db8:0:1::1",
			last: "2001:db8:0:1::1:1"},
		{file: "provider: {addresses: 2, ipv6: true}", err: "it is not there yet"},
	} {
		c, err := cloud.Parse("x.yaml", []byte("name: x\ntarget: lab\n"+tt.file+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		n.ProviderENI.IPv6Subnet = tt.subnet
		spec, err := specOf(c, []infra.NodeOutput{n}, n)
		if (err != nil) != (tt.err != "") {
			t.Errorf("%s in %q: %v", tt.file, tt.subnet, err)
		}
		ipv6 := spec.OpenStack.Provider.IPv6
		if tt.subnet == "" {
			if !ipv6.IsZero() {
				t.Errorf("%s in %q: %+v", tt.file, tt.subnet, ipv6)
			}
			continue
		}
		if ipv6.Subnet.String() != tt.subnet || ipv6.Gateway.String() != tt.gateway || len(ipv6.Addresses) != 2 ||
			ipv6.Addresses[1].String() != tt.last {
			t.Errorf("%s in %q: %+v", tt.file, tt.subnet, ipv6)
		}
		if err := spec.OpenStack.Validate(); err != nil {
			t.Error(err)
		}
		want := []netip.Prefix{c.VPC.CIDR, netip.MustParsePrefix("2001:db8::/56")}
		if !slices.Equal(spec.Agent.VPC, want) {
			t.Errorf("the gateway's VPC is %v, want %v", spec.Agent.VPC, want)
		}
	}
}

func TestSpecOfReleases(t *testing.T) {
	n := infra.NodeOutput{
		Name: "cloud-1", ManagementAddress: "10.0.0.4", ManagementPublic: "198.51.100.4",
		ProviderENI: infra.ProviderENI{MAC: "02:00:00:00:00:01", Primary: "10.0.1.4"},
	}
	for file, want := range map[string]model.Wait{
		"": agent.DefaultReleaseAfter, "provider: {releaseAfter: 0s}": 0, "provider: {releaseAfter: never}": model.Never,
	} {
		c, err := cloud.Parse("x.yaml", []byte("name: x\ntarget: lab\n"+file+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		spec, err := specOf(c, []infra.NodeOutput{n}, n)
		if err != nil || spec.Agent.ReleaseAfter != want {
			t.Errorf("%q: releases wait %v, want %v; %v", file, spec.Agent.ReleaseAfter, want, err)
		}
	}
}

func TestRunsOn(t *testing.T) {
	for _, tt := range []struct{ machine, err string }{
		{machine: "Linux x86_64\n"},
		{machine: "Linux aarch64\n", err: "the node is Linux aarch64, and macaw-node, which would be copied to it, is " +
			"built for linux/amd64"},
		{machine: "Darwin x86_64\n", err: "the node is Darwin x86_64"},
		{machine: "", err: "the node is"},
	} {
		err := runsOn(tt.machine)
		if (err != nil) != (tt.err != "") || err != nil &&
			(!strings.Contains(err.Error(), tt.err) || len(hint.All(err)) != 1) {
			t.Errorf("on %q: %v, want %q", tt.machine, err, tt.err)
		}
	}
}

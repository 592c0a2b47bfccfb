// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// testNATGateway has the computes reach the Internet through a NAT gateway, and through the first gateway again.
func (m *nodeMischief) testNATGateway(t *testing.T) {
	first := strings.TrimSpace(must(t, macaw, "ssh", m.file, "gw-1", "--", publicAddress))
	if got := m.wayOut(t); got != first {
		t.Errorf("cmp-1 reaches the Internet as %s, and gw-1 is %s", got, first)
	}
	with := manyNodesFile(t, 2, "management: {nat: gateway}\n")
	gap := longestGap(t, m.guests[0].public, func() { up(t, with, "--verify=never") })
	if gap > time.Second {
		t.Errorf("%s answered nothing for %s", m.guests[0], gap)
	}
	nat := m.natGateway(t)
	if got := m.wayOut(t); got != nat {
		t.Errorf("cmp-1 reaches the Internet as %s, and the NAT gateway is %s", got, nat)
	}
	got := must(t, macaw, "ssh", with, "gw-1", "--", "systemctl is-active macaw-nat; sudo nft list tables")
	if strings.HasPrefix(got, "active") || strings.Contains(got, "macaw_nat") {
		t.Errorf("gw-1 masquerades still: %s", got)
	}
	if s := up(t, with, "--verify=never"); s.Changes != 0 {
		t.Errorf("up again made %d changes", s.Changes)
	}
	must(t, macaw, "lab", "fault", "set", "power-off", machineOf(m, "gw-1"))
	if got := m.wayOut(t); got != nat {
		t.Errorf("without gw-1: cmp-1 reaches the Internet as %s", got)
	}
	must(t, macaw, "lab", "fault", "clear", "--all")
	m.well("gw-1 is back")
	up(t, m.file, "--verify=never")
	eventually(t, "cmp-1 reaches the Internet through gw-1 again", time.Minute, func() error {
		if got := m.wayOut(t); got != first {
			return fmt.Errorf("it does so as %q", got)
		}
		return nil
	})
	if got := m.natGateway(t); got != "" {
		t.Errorf("NAT gateway %s is left", got)
	}
}

const publicAddress = `python3 -c 'import urllib.request as r
print(r.urlopen("http://checkip.amazonaws.com/", timeout=5).read().decode())'`

// wayOut is the address as which cmp-1 reaches the Internet.
func (m *nodeMischief) wayOut(t *testing.T) (address string) {
	t.Helper()
	eventually(t, "cmp-1 reaches the Internet", time.Minute, func() error {
		out, err := command(t.Context(), macaw, "ssh", m.file, "cmp-1", "--", publicAddress)
		address = strings.TrimSpace(out)
		if err == nil && address == "" {
			err = errors.New("checkip.amazonaws.com says nothing")
		}
		return err
	})
	return address
}

// natGateway is the Elastic IP of the cloud's NAT gateway; empty: there is none.
func (m *nodeMischief) natGateway(t *testing.T) string {
	t.Helper()
	out, err := m.api.DescribeNatGateways(t.Context(), &ec2.DescribeNatGatewaysInput{Filter: []types.Filter{
		{Name: aws.String("tag:macaw:cloud"), Values: []string{manyNodes}},
		{Name: aws.String("state"), Values: []string{"available"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.NatGateways) == 0 {
		return ""
	}
	return aws.ToString(out.NatGateways[0].NatGatewayAddresses[0].PublicIp)
}

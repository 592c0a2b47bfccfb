// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"macaw.example/internal/agentcmd"
	"macaw.example/internal/deploy"
	"macaw.example/internal/infra"
	"macaw.example/internal/model"
	"macaw.example/internal/nodeapi"
)

func TestStatusShowsWhatIsHeld(t *testing.T) {
	until := time.Now().Add(23 * time.Hour)
	held := []model.Held{{Until: until}, {Agreed: true}, {}}
	for i := range held {
		held[i].Addr, held[i].Public = netip.AddrFrom4([4]byte{10, 0, 1, byte(70 + i)}), netip.AddrFrom4([4]byte{198, 51, 100,
			byte(70 + i)})
	}
	n := deploy.NodeStatus{NodeOutput: infra.NodeOutput{Addresses: []infra.AddressPair{{Private: "10.0.1.70",
		Public: "198.51.100.70"}}},
		Agent: &nodeapi.Status{Report: &nodeapi.Report{Held: held}}}
	var got []string
	for _, l := range addressesOf(n) {
		got = append(got, l.private+" "+l.public+" "+l.use)
	}
	want := []string{
		"10.0.1.70 198.51.100.70 not Neutron's any more, kept until " + agentcmd.KeptUntil(held[0]),
		"10.0.1.71 198.51.100.71 not Neutron's any more, kept until the agent's next pass (agreed)",
		"10.0.1.72 198.51.100.72 not Neutron's any more, kept until an operator agrees",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

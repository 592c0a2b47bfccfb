// SPDX-License-Identifier: Apache-2.0

package tunnel

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"macaw.example/internal/model"
)

// shown is what Open vSwitch 3.5.0 answers.
const shown = `Route Table:
Cached: 10.0.0.11/32 dev br-phy SRC 10.0.0.11 local
Cached: 127.0.0.1/32 dev lo SRC 127.0.0.1 local
Cached: ::1/128 dev lo SRC ::1 local
User: 10.0.0.0/24 dev br-phy SRC 10.0.0.11
Cached: 10.0.0.0/24 dev ens5 SRC 10.0.0.11
User: 10.3.0.0/16 dev br-phy GW 10.0.0.1 SRC 10.0.0.11
User: 0.0.0.0/1 dev br-phy GW 10.0.0.7 SRC 10.0.0.11
User: 172.16.0.0/12 dev br-other SRC 172.16.0.1
Cached: 0.0.0.0/0 dev ens5 GW 10.0.0.1 SRC 10.0.0.11
`

func TestRoutes(t *testing.T) {
	seen, err := parseRoutes(shown)
	if err != nil {
		t.Fatal(err)
	}
	of := func(address string) []ovsRoute { return wanted(Config{Address: netip.MustParsePrefix(address)}) }
	for _, tt := range []struct {
		name   string
		wanted []ovsRoute
		seen   []ovsRoute
		want   [][]string
	}{
		{"at first", of("10.0.0.11/24"), nil, [][]string{
			{"ovs/route/add", "10.0.0.0/24", "br-phy"},
			{"ovs/route/add", "0.0.0.0/1", "br-phy", "10.0.0.1"},
			{"ovs/route/add", "128.0.0.0/1", "br-phy", "10.0.0.1"},
		}},
		{"again", of("10.0.0.11/24"), of("10.0.0.11/24"), nil},
		{"one missing, one by another router, one too many", of("10.0.0.11/24"), seen, [][]string{
			{"ovs/route/add", "0.0.0.0/1", "br-phy", "10.0.0.1"},
			{"ovs/route/add", "128.0.0.0/1", "br-phy", "10.0.0.1"},
			{"ovs/route/del", "10.3.0.0/16"},
		}},
		{"another address", of("10.0.0.12/24"), of("10.0.0.11/24"), [][]string{
			{"ovs/route/add", "10.0.0.0/24", "br-phy"},
			{"ovs/route/add", "0.0.0.0/1", "br-phy", "10.0.0.1"},
			{"ovs/route/add", "128.0.0.0/1", "br-phy", "10.0.0.1"},
		}},
		{"the upper half of a block", of("10.0.0.139/25"), nil, [][]string{
			{"ovs/route/add", "10.0.0.128/25", "br-phy"},
			{"ovs/route/add", "0.0.0.0/1", "br-phy", "10.0.0.129"},
			{"ovs/route/add", "128.0.0.0/1", "br-phy", "10.0.0.129"},
		}},
	} {
		if d := cmp.Diff(tt.want, plan(tt.wanted, tt.seen)); d != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, d)
		}
	}
	for _, bad := range []string{"User: 10.0.0/24 dev br-phy SRC 10.0.0.11", "User: 10.0.0.0/24 dev br-phy GW router"} {
		if _, err := parseRoutes(bad); err == nil || !strings.Contains(err.Error(), bad) {
			t.Errorf("%q: error %v, want one with the line", bad, err)
		}
	}
}

func TestValidate(t *testing.T) {
	mac := model.MAC{2, 0, 0, 0, 0, 1}
	for _, tt := range []struct {
		c    Config
		want string
	}{
		{Config{}, ""},
		{Config{mac, netip.MustParsePrefix("10.0.0.11/24")}, ""},
		{Config{Address: netip.MustParsePrefix("10.0.0.11/24")}, "no MAC"},
		{Config{NIC: mac}, "not IPv4 in a subnet"},
		{Config{mac, netip.MustParsePrefix("10.0.0.11/32")}, "10.0.0.11/32 is not IPv4 in a subnet"},
		{Config{mac, netip.MustParsePrefix("2001:db8::1/24")}, "2001:db8::1/24 is not IPv4"},
	} {
		err := tt.c.Validate()
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%+v: error %v, want %q", tt.c, err, tt.want)
		}
	}
}

func TestPacketSockets(t *testing.T) {
	const sockets = `sk               RefCnt Type Proto  Iface R Rmem   User   Inode
0000000000000000 3      3    0003   7     1 0      0      12345
0000000000000000 3      3    0003   -1    1 0      0      12346
`
	for index, want := range map[int]bool{7: true, 3: false, 70: false} {
		if got := isRead(sockets, index); got != want {
			t.Errorf("interface %d is read: %t", index, got)
		}
	}
}

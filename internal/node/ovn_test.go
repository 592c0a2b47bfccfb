// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"macaw.example/internal/nodeapi"
)

// central is a controller whose OVN is running; the option has the given value, and the databases
// listen as given.
func central(option string, listens map[string]string) (n *node, set *[]string) {
	set = new([]string)
	late := true // the socket is missing the first time
	spec := nodeapi.OpenStack{Management: nodeapi.Management{Address: netip.MustParseAddr("10.0.0.4")}}
	return &node{spec: spec, run: func(_ context.Context, c command) (string, error) {
		line := strings.Join(c.Args, " ")
		switch {
		case c.Args[0] == "systemctl":
			block := "Id=x\nLoadState=loaded\nActiveState=active\n"
			return strings.Repeat(block+"\n", len(ovnCentral.units)), nil
		case strings.Contains(line, " get ") && late:
			late = false
			return "", errors.New("database connection failed (No such file or directory)")
		case strings.Contains(line, " get "):
			return option, nil
		case strings.HasSuffix(line, " list Connection"):
			return listens[c.Args[0]], nil
		}
		*set = append(*set, line)
		return "", nil
	}}, set
}

var tlsListeners = map[string]string{"ovn-nbctl": "pssl:6641:10.0.0.4\n", "ovn-sbctl": "pssl:6642:10.0.0.4\n"}

func TestRoutersTrackInOneZone(t *testing.T) {
	want := []string{"ovn-nbctl --timeout=30 set NB_Global . options:use_common_zone=true"}
	for option, change := range map[string]bool{"": true, "false\n": true, "\"true\"\n": false, "true\n": false} {
		n, set := central(option, tlsListeners)
		err := n.startCentral(t.Context())
		switch {
		case change && err != nil:
			t.Errorf("option %q: %v", option, err)
		case change && !cmp.Equal(want, *set):
			t.Errorf("option %q: (-want +got):\n%s", option, cmp.Diff(want, *set))
		case !change && (!errors.Is(err, errNothingToDo) || len(*set) > 0):
			t.Errorf("option %q: ran %q, %v; want nothing to do", option, *set, err)
		}
	}
}

func TestDatabasesListenByTLS(t *testing.T) {
	nb := "ovn-nbctl --timeout=30 set-connection pssl:6641:10.0.0.4"
	sb := "ovn-sbctl --timeout=30 set-connection pssl:6642:10.0.0.4"
	for _, tc := range []struct {
		listens map[string]string
		want    []string
	}{
		{nil, []string{nb, sb}},
		{map[string]string{"ovn-nbctl": "ptcp:6641:10.0.0.4\n", "ovn-sbctl": "pssl:6642:10.0.0.4\n"}, []string{nb}},
	} {
		n, set := central("true", tc.listens)
		if err := n.startCentral(t.Context()); err != nil || !cmp.Equal(tc.want, *set) {
			t.Errorf("listens %q: ran %q, %v; want %q", tc.listens, *set, err, tc.want)
		}
	}
}

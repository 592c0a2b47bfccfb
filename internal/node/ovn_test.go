// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// central is a controller whose OVN is running; the option has the given value.
func central(option string) (n *node, set *[]string) {
	set = new([]string)
	late := true // the socket is missing the first time
	return &node{run: func(_ context.Context, c command) (string, error) {
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
		}
		*set = append(*set, line)
		return "", nil
	}}, set
}

func TestRoutersTrackInOneZone(t *testing.T) {
	want := []string{"ovn-nbctl --timeout=30 set NB_Global . options:use_common_zone=true"}
	for option, change := range map[string]bool{"": true, "false\n": true, "\"true\"\n": false, "true\n": false} {
		n, set := central(option)
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

// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"macaw.example/internal/nodeapi"
	"macaw.example/internal/systemd/systemdtest"
)

func units(c command, usual string, states map[string]string) string {
	return systemdtest.Show(c.Args, usual, states)
}

const (
	running = "LoadState=loaded ActiveState=active Job="
	stopped = "LoadState=loaded ActiveState=inactive Job="
)

func TestInspect(t *testing.T) {
	for _, c := range []struct {
		name   string
		usual  string
		states map[string]string
		want   []string
	}{
		{"healthy", running, nil, []string{}},
		{"stopped, failed, restarting", running, map[string]string{
			"haproxy.service": stopped, "keystone.service": "LoadState=loaded ActiveState=failed Job=",
			"nova-scheduler.service": "LoadState=loaded ActiveState=activating Job="},
			[]string{"keystone.service", "haproxy.service"}},
		{"masked, or not on this machine yet", running, map[string]string{
			"nova-scheduler.service": "LoadState=masked ActiveState=inactive Job=",
			"haproxy.service":        "LoadState=not-found ActiveState=inactive"},
			[]string{"nova-scheduler.service", "haproxy.service"}},
		{"masked and still running", running, map[string]string{
			"nova-scheduler.service": "LoadState=masked ActiveState=active"}, []string{}},
		{"booting, and one has failed", "LoadState=loaded ActiveState=inactive Job=312", map[string]string{
			"mariadb.service": "LoadState=loaded ActiveState=failed Job="}, []string{"mariadb.service"}},
	} {
		n := &node{spec: allInOne(), root: t.TempDir(), run: func(_ context.Context, cmd command) (string, error) {
			switch cmd.Args[0] {
			case "systemctl":
				return units(cmd, c.usual, c.states), nil
			case "ovs-vsctl":
				return "netdev\n", nil
			}
			t.Errorf("ran %q", cmd.Args)
			return "", nil
		}}
		want := nodeapi.Machine{Datapath: nodeapi.DatapathUser, Stopped: c.want, Certificates: []nodeapi.Certificate{}}
		if diff := cmp.Diff(want, n.inspect(t.Context())); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// What can be read is told, though systemd does not reply.
func TestInspectWithoutSystemd(t *testing.T) {
	n := &node{spec: allInOne(), root: t.TempDir(), run: func(_ context.Context, c command) (string, error) {
		if c.Args[0] == "systemctl" {
			return "", errors.New("failed to connect to bus")
		}
		return "system\n", nil
	}}
	m := n.inspect(t.Context())
	if m.Datapath != nodeapi.DatapathKernel || len(m.Stopped) > 0 || !strings.Contains(m.Unknown, "connect to bus") {
		t.Errorf("%+v", m)
	}
}

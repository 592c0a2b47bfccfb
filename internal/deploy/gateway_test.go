// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"

	"macaw.example/internal/hint"
	"macaw.example/internal/model"
)

// Status has a finding, in one line and with the file's name, for each node that it cannot describe.
func TestStatusOfUnfinishedClouds(t *testing.T) {
	const up = "macaw up cloud.yaml"
	for name, tt := range map[string]struct {
		prepare func(*world)
		want    model.Finding
	}{
		"not there": {func(*world) {}, model.Finding{
			Code: nodeMissing, Text: "cloud first is not up: there is no node cloud-1", Hint: up,
		}},
		"interrupted": {func(w *world) {
			mustUp(w.t, w)
			for _, n := range w.nodes {
				n.applied = ""
			}
		}, model.Finding{Code: nodeNotSetUp, Text: "node cloud-1 is not set up yet", Hint: up}},
		"broken": {func(w *world) {
			mustUp(w.t, w)
			for _, n := range w.nodes {
				n.broken = true
			}
		}, model.Finding{Code: nodeNoReply, Text: "node cloud-1: no translation; second", Hint: up + " repairs it"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			tt.prepare(w)
			d, _ := w.process(file)
			st, err := d.Status(t.Context())
			if err != nil || len(st.Findings) != 1 || st.Findings[0] != tt.want {
				t.Errorf("%s: %v, findings %+v\nwant %+v", name, err, st.Findings, tt.want)
			}
			agents, err := d.Agents("")
			if err != nil || len(agents) != 1 {
				t.Fatal(agents, err)
			}
			_, err = agents[0].Status(t.Context())
			if err == nil || strings.Contains(err.Error(), "\n") || !strings.HasPrefix(hint.All(err)[0], up) {
				t.Errorf("%s: agent status: %v, hints %q", name, err, hint.All(err))
			}
		})
	}
}

// A machine without macaw-node, or without an agent's configuration, is not set up yet.
func TestOnGateway(t *testing.T) {
	err := exec.Command("sh", "-c", strings.ReplaceAll(onGateway("status"), "/", "/nowhere/")).Run()
	if fmt.Sprint(err) != fmt.Sprintf("exit status %d", exitNotSetUp) {
		t.Error(err)
	}
}

// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"macaw.example/internal/drain/draintest"
	"macaw.example/internal/hint"
	"macaw.example/internal/host"
	"macaw.example/internal/model"
	"macaw.example/internal/nodeapi"
)

// named returns a cloud's node by name.
func (w *world) named(t *testing.T, name string) *fakeNode {
	t.Helper()
	for _, n := range w.nodes {
		var s nodeapi.Spec
		if err := json.Unmarshal([]byte(n.applied), &s); err != nil {
			t.Fatal(err)
		}
		if s.OpenStack.Node == name {
			return n
		}
	}
	t.Fatalf("no node %s", name)
	return nil
}

// Status asks the controller once, for the names in the reports of all gateways and for drained nodes.
func TestStatusHasWhatTheControllerKnows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSeveralWorld(t)
		mustUpAs(t, w, several, UpOptions{})
		for i, name := range []string{"gw-1", "gw-2"} {
			w.named(t, name).status = fmt.Sprintf(`{"mode": "translate", "report": {"findings": [], "addresses": [
				{"addr": "10.0.1.7%d", "kind": "router", "id": "gwp%[1]d", "router": "r%[1]d", "name": "router edge-%[1]d", "here": true},
				{"addr": "10.0.1.8%[1]d", "kind": "floating", "id": "fip%[1]d", "router": "r%[1]d", "name": "router edge-%[1]d", "here": true}
			]}}`, i)
		}
		controller := w.named(t, "ctl")
		controller.overview = `{"owners": {"fip0": "server web", "fip1": "project demo"}, "drained": [
			{"node": "cmp-1", "role": "compute", "reason": "macaw node drain"}, {"node": "gw-2", "role": "gateway"},
			{"node": "cmp-2", "role": "compute", "reason": "macaw up removes this node"}]}`
		d, _ := w.process(several)
		st, err := d.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var owners []string
		for _, n := range st.Nodes {
			if n.Agent != nil && n.Agent.Report != nil {
				for _, a := range n.Agent.Report.Addresses {
					owners = append(owners, a.Owner())
				}
			}
		}
		want := []string{"router edge-0", "floating IP of server web", "router edge-1", "floating IP of project demo"}
		if !slices.Equal(owners, want) {
			t.Errorf("owners %q, want %q", owners, want)
		}
		findings := []model.Finding{
			{Code: nodeDrained, Text: "node cmp-1 takes no guests: macaw node drain",
				Hint: "macaw node enable cloud.yaml cmp-1"},
			{Code: nodeDrained, Text: "node gw-2 takes no routers: macaw node drain", Hint: "macaw node enable cloud.yaml gw-2"},
			{Code: nodeDrained, Text: "node cmp-2 takes no guests: macaw up removes this node",
				Hint: "macaw up cloud.yaml removes the node, or lets it take guests again if the file has it"},
		}
		if !slices.Equal(st.Findings, findings) {
			t.Errorf("findings %+v", st.Findings)
		}
		asked := 0
		for _, n := range w.nodes {
			for _, ran := range n.ran {
				if strings.HasPrefix(ran, "overview") {
					asked++
				}
			}
		}
		if asked != 1 {
			t.Errorf("asked %d times", asked)
		}

		controller.overview = `{"owners": {"fip0": "server web"}, "drained": [], "unknown": "listing projects: refused"}`
		st, err = d.Status(t.Context())
		if err != nil || len(st.Findings) != 1 || st.Findings[0].Code != overviewUnknown ||
			!strings.HasSuffix(st.Findings[0].Text, ": listing projects: refused") {
			t.Errorf("without projects: %v, %+v", err, st.Findings)
		}
	})
}

// The controller's hints name the cloud file, which it does not know.
func TestKeeperHintsNameTheFile(t *testing.T) {
	d, _ := newWorld(t).process(file)
	err := d.keeperError(&host.ExitError{Status: 1, Stderr: "error: no\nhint: macaw node enable FILE gw-2\n"})
	if got := hint.All(err); !slices.Equal(got, []string{"macaw node enable cloud.yaml gw-2"}) {
		t.Error(err, got)
	}
}

// A drain that is refused changes nothing: neither Nova nor where routers are.
func TestDrainOfTheLastCompute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSeveralWorld(t)
		mustUpAs(t, w, several, UpOptions{})
		w.nova = draintest.New("gw-1", "cmp-1")
		w.nova.Computes["cmp-1"].Enabled = false
		w.nova.Add("web", "gw-1", "ACTIVE")
		d, _ := w.process(several)
		_, err := d.Drain(t.Context(), "gw-1", false)
		if err == nil || !slices.Contains(hint.All(err), "macaw node enable cloud.yaml cmp-1") {
			t.Errorf("%v, hints %q", err, hint.All(err))
		}
		if len(w.nova.Calls) > 0 || errors.Is(err, errNotSetUp) {
			t.Errorf("it did %q", w.nova.Calls)
		}
	})
}

// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"macaw.example/internal/authority"
	"macaw.example/internal/model"
	"macaw.example/internal/nodeapi"
	"macaw.example/internal/prices"
	"macaw.example/lab/labtest"
)

// several is a cloud of five nodes. The controller is not the first of them.
const several = file + `nodes:
  - {name: gw, roles: [gateway, compute], count: 2}
  - {name: ctl, roles: [controller]}
  - {name: cmp, roles: [compute], count: 2}
`

func newSeveralWorld(t *testing.T) *world {
	w := newWorld(t)
	w.aws = labtest.NewAPI(t, labtest.APIOptions{Region: "eu-central-1", ElasticIPQuota: 5})
	return w
}

// specs returns what the nodes were made of, by name.
func (w *world) specs(t *testing.T) map[string]nodeapi.Spec {
	t.Helper()
	specs := map[string]nodeapi.Spec{}
	for id, n := range w.nodes {
		var s nodeapi.Spec
		if err := json.Unmarshal([]byte(n.applied), &s); err != nil {
			t.Errorf("instance %s: %v in %q", id, err, n.applied)
			continue
		}
		if err := s.OpenStack.Validate(); err != nil {
			t.Errorf("node %s: %v", s.OpenStack.Node, err)
		}
		specs[s.OpenStack.Node] = s
	}
	return specs
}

func TestSeveralNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSeveralWorld(t)
		res, progress := mustUpAs(t, w, several, UpOptions{})
		specs := w.specs(t)
		if len(res.Nodes) != 5 || len(specs) != 5 || len(w.nodes) != 5 || w.verified != 1 {
			t.Fatalf("%d nodes, %d specs, %d machines, verified %d times", len(res.Nodes), len(specs), len(w.nodes), w.verified)
		}
		controller := specs["ctl"].OpenStack
		for _, n := range res.Nodes {
			s, m := specs[n.Name].OpenStack, w.nodes[n.InstanceID]
			private := strings.HasPrefix(n.Name, "cmp")
			if private != (n.ManagementPublic == "") || private != m.through || private == s.Management.Public.IsValid() {
				t.Errorf("node %s: %+v, reached at %s", n.Name, n, m.address)
			}
			if want := addressOf(n) + ":22"; m.address != want {
				t.Errorf("node %s was reached at %s, want %s", n.Name, m.address, want)
			}
			if s.Controller != controller.Management.Address || len(s.Nodes) != 5 {
				t.Errorf("node %s: the controller is at %s, nodes %v", n.Name, s.Controller, s.Nodes)
			}
			var want string
			if n.Name != "ctl" {
				var roles []string
				for _, r := range s.Roles {
					roles = append(roles, string(r))
				}
				want = "secrets of " + strings.Join(roles, ",")
			}
			if got := m.files[nodeapi.Secrets]; got != want {
				t.Errorf("node %s was given %q, want %q", n.Name, got, want)
			}
			if gateway := s.Has(model.Gateway); gateway != (specs[n.Name].Agent.Instance == n.InstanceID) ||
				gateway != (s.Provider.NICMAC != "") {
				t.Errorf("node %s: agent %+v", n.Name, specs[n.Name].Agent)
			}
			if nat := len(s.NAT) > 0; nat != (n.Name == "gw-1") {
				t.Errorf("node %s masquerades %v", n.Name, s.NAT)
			}
			if !slices.ContainsFunc(progress.steps, func(step string) bool { return step == "node: "+n.Name+": apply" }) {
				t.Errorf("no step names node %s: %q", n.Name, progress.steps)
			}
		}
		again, _ := mustUpAs(t, w, several, UpOptions{})
		if again.Changes != 0 || w.verified != 1 {
			t.Errorf("up again made %d changes, and verified %d times", again.Changes, w.verified)
		}

		d, _ := w.process(several)
		st, err := d.Status(t.Context())
		if err != nil || len(st.Nodes) != 5 || len(st.Findings) > 0 {
			t.Errorf("status: %v, %+v", err, st)
		}
		agents, err := d.Agents("")
		if err != nil || len(agents) != 2 || agents[0].Node() != "gw-1" || agents[1].Node() != "gw-2" {
			t.Errorf("agents of all gateways: %v, %v", agents, err)
		}
		for _, a := range agents {
			if _, err := a.Status(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if one, err := d.Agents("gw-2"); err != nil || len(one) != 1 || one[0] != agents[1] {
			t.Errorf("the agent of gw-2: %v, %v", one, err)
		}
		if _, err := d.Agents("cmp-1"); err == nil {
			t.Error("cmp-1 has an agent")
		}
		l, err := d.Login(t.Context(), "cmp-2")
		if err != nil || l.Via == nil || !strings.Contains(strings.Join(l.Options(), " "), "ProxyCommand=ssh ") {
			t.Errorf("login: %+v, %v", l, err)
		}
		if l, err := d.Login(t.Context(), ""); err != nil || l.Node.Name != "ctl" || l.Via != nil {
			t.Errorf("login to the controller: %+v, %v", l, err)
		}
	})
}

// All nodes have authorities below one root key, also those that are added, and on another operator's
// computer without that key nothing is made that the others would not trust.
func TestSeveralNodesTrustEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSeveralWorld(t)
		fewer := strings.Replace(several, "roles: [compute], count: 2", "roles: [compute], count: 1", 1)
		mustUpAs(t, w, fewer, UpOptions{})
		mustUpAs(t, w, several, UpOptions{})
		var roots []string
		for _, n := range w.nodes {
			c, err := authority.DecodeBundle([]byte(n.files[nodeapi.Issuer]))
			if err != nil {
				t.Fatal(err)
			}
			roots = append(roots, fmt.Sprint(c.Root().PublicKey))
		}
		slices.Sort(roots)
		if len(slices.Compact(roots)) != 1 {
			t.Errorf("the nodes have authorities of %d keys", len(roots))
		}

		more := strings.Replace(several, "roles: [compute], count: 2", "roles: [compute], count: 3", 1)
		d, _ := w.process(more)
		if err := os.Remove(d.Home.authorityKey("first")); err != nil {
			t.Fatal(err)
		}
		_, err := d.Up(t.Context(), UpOptions{})
		if err == nil || !strings.Contains(err.Error(), "its key is not on this computer") {
			t.Errorf("up without the authority's key: %v", err)
		}
	})
}

// A run that is killed after any call, or after any step, is continued by the next.
func TestSeveralNodesKilled(t *testing.T) {
	for step := 3; ; step += 7 {
		finished := false
		synctest.Test(t, func(t *testing.T) {
			w := newSeveralWorld(t)
			d, progress, p := w.killable(several)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			progress.ended = func(n int) {
				if n == step {
					p.kill()
					cancel()
				}
			}
			_, err := d.Up(ctx, UpOptions{})
			finished = err == nil
			synctest.Wait()
			progress.ended = nil
			d, _ = w.process(several)
			if _, err := d.Up(t.Context(), UpOptions{}); err != nil {
				t.Fatalf("after a run that was killed at step %d: %v", step, err)
			}
			if specs := w.specs(t); len(specs) != 5 {
				t.Errorf("killed at step %d: %d nodes", step, len(specs))
			}
		})
		if finished {
			return
		}
	}
}

// A node that fails ends the run with its name, and the others go on by themselves.
func TestOneOfSeveralNodesFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSeveralWorld(t)
		mustUpAs(t, w, several, UpOptions{})
		for _, n := range w.nodes {
			var s nodeapi.Spec
			if err := json.Unmarshal([]byte(n.applied), &s); err != nil {
				t.Fatal(err)
			}
			if s.OpenStack.Node == "cmp-2" {
				n.late = func(context.Context) error { return errors.New("no room on the disk") }
			}
		}
		d, _ := w.process(several)
		_, err := d.Up(t.Context(), UpOptions{Verify: Never})
		if err == nil || !strings.Contains(err.Error(), "cmp-2") || !strings.Contains(err.Error(), "no room on the disk") {
			t.Errorf("up: %v", err)
		}
	})
}

// Each Spot Instance is told that it is one, and the controller which they are, and whether it evacuates.
func TestSpotAndEvacuate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSeveralWorld(t)
		text := strings.Replace(several, "roles: [compute], count: 2", "roles: [compute], count: 2, spot: true", 1)
		mustUpAs(t, w, "evacuate: auto\n"+text, UpOptions{})
		for name, s := range w.specs(t) {
			if s.OpenStack.Spot != strings.HasPrefix(name, "cmp") {
				t.Errorf("%s is a Spot Instance: %v", name, s.OpenStack.Spot)
			}
			for _, p := range s.OpenStack.Nodes {
				if p.Spot != strings.HasPrefix(p.Name, "cmp") {
					t.Errorf("to %s %s is a Spot Instance: %v", name, p.Name, p.Spot)
				}
			}
			e := s.OpenStack.Evacuate
			if (e != nil) != (name == "ctl") || e != nil && (e.Region != "eu-central-1" || e.Cloud != s.OpenStack.Cloud) {
				t.Errorf("%s evacuates: %+v", name, e)
			}
		}
	})
}

// natNodes are a cloud whose private nodes reach the Internet through the first gateway; with natFile it has a NAT
// gateway for that.
const (
	natNodes = "provider: {addresses: 2, elasticIPs: on-demand}\nnodes:\n  - {name: gw, roles: [controller, gateway]}\n" +
		"  - {name: cmp, roles: [compute]}\n"
	natHead = "name: first\ntarget: eu-central-1\nmanagement: {allow: [192.0.2.0/24], nat: "
)

// With a NAT gateway no node masquerades, and one that did does not any more. The estimate has it.
func TestNAT(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSeveralWorld(t)
		for _, nat := range []string{"instance", "gateway", "instance"} {
			text := natHead + nat + "}\n" + natNodes
			d, _ := w.process(text)
			lines := texts(mustCost(t, d))
			// Frankfurt's price is not in the table.
			if priced := slices.Contains(lines, "NAT gateway price unknown"); priced != (nat == "gateway") {
				t.Errorf("%s: %q", nat, lines)
			}
			mustUpAs(t, w, text, UpOptions{})
			for name, spec := range w.specs(t) {
				if masquerades := len(spec.OpenStack.NAT) > 0; masquerades != (nat == "instance" && name == "gw") {
					t.Errorf("%s: node %s masquerades %v", nat, name, spec.OpenStack.NAT)
				}
			}
			d, _ = w.process(text)
			if e := mustCost(t, d); e.Change != (prices.Amount{}) || e.ChangeIncomplete {
				t.Errorf("%s: a cloud that is up: %s", nat, e)
			}
			if again, _ := mustUpAs(t, w, text, UpOptions{}); again.Changes != 0 {
				t.Errorf("%s: up again made %d changes", nat, again.Changes)
			}
		}
		d, _ := w.process(natHead + "gateway}\n" + natNodes)
		d.Prices = true
		if lines := texts(mustCost(t, d)); !slices.Contains(lines, "NAT gateway 0.0400/hour 29.20/month") ||
			!slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, ": 0.030 USD for each GB") }) {
			t.Errorf("asked: %q", lines)
		}
	})
}

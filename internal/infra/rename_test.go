// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"macaw.example/internal/inventory"
)

// renamed wants the same cloud with its node renamed.
func renamed(t *testing.T, l *labAccount) Wanted {
	t.Helper()
	w := labWanted(t, l)
	w.Cloud = wanted(t, dualStack+"nodes: [{name: node-x}]\n").Cloud
	return w
}

// A renamed node is another machine: the plan names the one to be destroyed, and one run replaces
// it by the new one with all its addresses.
func TestLabNodeRenamed(t *testing.T) {
	l := newLab(t, 3)
	_, before, err := labUp(ctx, l.Clients, labWanted(t, l))
	if err != nil {
		t.Fatal(err)
	}
	resources := labLeft(t, l.Clients, "first")
	s, err := inventory.See(ctx, l.EC2, l.IAM, "first")
	if err != nil {
		t.Fatal(err)
	}
	p, err := PlanUp(renamed(t, l), s)
	if err != nil {
		t.Fatal(err)
	}
	id := before.Nodes[0].InstanceID
	for _, line := range []string{"- delete instance cloud-1 " + id, "- delete network interface cloud-1 provider ",
		"- delete elastic ip ",
		"+ create network interface provider of node-x", "+ create instance node-x",
		"  destroys instance cloud-1 " + id + " and its data: the file has no such node"} {
		if !strings.Contains(p.String(), line) {
			t.Errorf("the plan has no %q:\n%s", line, p)
		}
	}
	if d := p.Destroys(); len(d) != 1 || d[0].ID != id {
		t.Errorf("it destroys %v", d)
	}
	// Actions come after those that they need, also in the text.
	for i, a := range p.Actions {
		for _, n := range a.Needs {
			if !slices.ContainsFunc(p.Actions[:i], func(b Action) bool { return b.ID == n }) {
				t.Errorf("%s comes before %s", a, n)
			}
		}
	}
	_, after, err := labUp(ctx, l.Clients, renamed(t, l))
	if err != nil {
		t.Fatal(err)
	}
	n := after.Nodes[0]
	if n.InstanceID == id || n.ManagementPublic == "" || len(n.Addresses) != 2 || n.Addresses[1].Public == "" ||
		len(n.IPv6Addresses) != 2 {
		t.Errorf("outputs: %+v", n)
	}
	if got := labLeft(t, l.Clients, "first"); got != resources {
		t.Errorf("%d resources, want %d", got, resources)
	}
	if p, _, err := labUp(ctx, l.Clients, renamed(t, l)); err != nil || p.String() != "" {
		t.Errorf("a second up: %v\n%s", err, p)
	}
}

// After a kill at any call of that, the next run completes it.
func TestLabNodeRenamedKilledAnywhere(t *testing.T) {
	l := newLab(t, 3)
	if _, _, err := labUp(ctx, l.Clients, labWanted(t, l)); err != nil {
		t.Fatal(err)
	}
	resources := labLeft(t, l.Clients, "first")
	all := l.changed(func() {
		if _, _, err := labUp(ctx, l.Clients, renamed(t, l)); err != nil {
			t.Fatal(err)
		}
	})
	for n := 1; n <= all; n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			l := newLab(t, 3)
			if _, _, err := labUp(ctx, l.Clients, labWanted(t, l)); err != nil {
				t.Fatal(err)
			}
			want := renamed(t, l)
			l.killed(t, n, func(ctx context.Context) error { _, _, err := labUp(ctx, l.Clients, want); return err })
			if _, _, err := labUp(ctx, l.Clients, want); err != nil {
				t.Fatal(err)
			}
			if got := labLeft(t, l.Clients, "first"); got != resources {
				t.Errorf("%d resources, want %d", got, resources)
			}
		})
	}
}

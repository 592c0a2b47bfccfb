// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"macaw.example/internal/inventory"
	"macaw.example/lab"
)

// lagging makes Describe calls return states of up to three seconds ago, from now on.
func (l *labAccount) lagging(t *testing.T) {
	t.Helper()
	if err := l.api.SetFault(ctx, lab.Fault{Name: lab.Lag, Max: lab.FaultDuration(3 * time.Second)}); err != nil {
		t.Fatal(err)
	}
}

// Up and down are killed after each of their changes while AWS shows states of some seconds ago, each list of another
// moment. The next run, which begins once AWS shows what the killed one did, ends it under the same conditions.
func TestKilledWhileAWSLags(t *testing.T) {
	w := wanted(t, dualStack)
	up := func(ctx context.Context, l *labAccount) error {
		s, err := inventory.See(ctx, l.EC2, l.IAM, "first")
		if err != nil {
			return err
		}
		p, err := PlanUp(w, s)
		if err != nil {
			return err
		}
		_, err = apply(ctx, l.Clients, wallClock{}, p, nil)
		return err
	}
	down := func(ctx context.Context, l *labAccount) error {
		_, err := down(ctx, l.Clients, wallClock{}, "first", func(Kept) {}, nil)
		return err
	}
	var ups, downs, resources int
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, 3)
		ups = l.changed(func() { bringUp(t, l, w) })
		resources = len(l.everything(t))
		downs = l.changed(func() { takeDown(t, l, "first") })
	})
	for n := 1; n <= max(ups, downs); n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := newLab(t, 3)
				whole := func(what string, run func(context.Context, *labAccount) error) {
					t.Helper()
					l.killed(t, n, func(ctx context.Context) error { return run(ctx, l) })
					time.Sleep(5 * time.Second)
					if err := run(ctx, l); err != nil {
						t.Errorf("%s: %v", what, err)
					}
					time.Sleep(time.Minute)
				}
				l.lagging(t)
				whole("up", up)
				if p := planOf(t, l, w); p != "" {
					t.Errorf("the plan is not empty:\n%s", p)
				}
				if got := l.everything(t); len(got) != resources {
					t.Errorf("%d resources, want %d: %v", len(got), resources, got)
				}
				whole("down", down)
				if left := l.everything(t); !slices.Equal(left, nil) {
					t.Errorf("left: %v", left)
				}
			})
		})
	}
}

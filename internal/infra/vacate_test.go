// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"context"
	"errors"
	"strings"
	"testing"

	"macaw.example/internal/images"
)

// Nothing is made for an instance that has no image to boot.
func TestLabApplyWithoutImage(t *testing.T) {
	l := newLab(t, 5)
	w := wanted(t, "")
	w.PublicKey, w.Image = labKey, images.Image{}
	if _, _, err := labUp(ctx, l.Clients, w); err == nil || !strings.Contains(err.Error(), "no image to boot") {
		t.Errorf("up: %v", err)
	}
	if n := labLeft(t, l.Clients, "first"); n > 0 {
		t.Errorf("%d resources were made", n)
	}
}

// A cloud leaves its zone only without an instance, and leaving may be killed after any call: the
// next run makes the cloud whole.
func TestLabVacateKilledAnywhere(t *testing.T) {
	l := newLab(t, 4)
	w := labWanted(t, l)
	bringUp(t, l, w)
	if _, err := PlanVacate(seen(t, l, "first")); !errors.Is(err, ErrOccupied) {
		t.Fatalf("a cloud with an instance: %v", err)
	}
	takeDown(t, l, "first")
	for n := 1; ; n++ {
		// The network without an instance, as after a launch without capacity.
		p, err := PlanUp(w, seen(t, l, "first"))
		if err != nil {
			t.Fatal(err)
		}
		l.hook(func(this call) error {
			if this.op == "RunInstances" {
				return apiError("InsufficientInstanceCapacity")
			}
			return nil
		}, nil)
		if _, err := apply(ctx, l.Clients, hurriedClock{}, p, nil); !NoCapacity(err) {
			t.Fatalf("up: %v", err)
		}
		l.hook(nil, nil)
		before, calls := seen(t, l, "first"), 0
		l.killed(t, n, func(ctx context.Context) error {
			calls = l.changed(func() { err = vacate(ctx, l.Clients, hurriedClock{}, before, nil) })
			return err
		})
		if err == nil {
			now := seen(t, l, "first")
			if len(now.Subnets)+len(now.Interfaces) > 0 || len(now.Addresses) == 0 || len(now.VPCs) != 1 {
				t.Errorf("after %d calls: %+v", calls, now)
			}
			w.Zone = labRegion + "b"
		}
		bringUp(t, l, w)
		if zone := SubnetZone(w.Cloud, seen(t, l, "first")); err == nil && zone != w.Zone {
			t.Errorf("the cloud is in %s", zone)
		}
		takeDown(t, l, "first")
		if err == nil {
			return
		}
		if n > 40 {
			t.Fatal("leaving the zone never ends")
		}
	}
}

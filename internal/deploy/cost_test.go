// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"slices"
	"strings"
	"testing"

	"macaw.example/internal/prices"
)

const (
	labPrices = "AWS's price list of " // by the lab's price list
	ownTable  = "Macaw's table of 2026-01-19"
)

func mustCost(t *testing.T, d *Deployment) *prices.Estimate {
	t.Helper()
	plan, err := d.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return plan.Cost
}

func texts(e *prices.Estimate) (all []string) {
	for line := range strings.Lines(e.String()) {
		all = append(all, strings.Join(strings.Fields(line), " "))
	}
	return all
}

// A plan for a new cloud adds all of it, a plan for one that is up adds nothing, and one that changes the
// type adds the difference.
func TestCost(t *testing.T) {
	w := newWorld(t)
	d, _ := w.process(file)
	e := mustCost(t, d)
	want := []string{"instance cloud-1, t3.xlarge 0.1920/hour 140.16/month",
		"volume of cloud-1, 40 GiB gp3 0.0052/hour 3.81/month", "3 public IPv4 addresses 0.0150/hour 10.95/month",
		"total 0.2122/hour 154.92/month", "this plan adds 0.2122/hour 154.92/month"}
	if got := texts(e); len(got) < 6 || !slices.Equal(got[1:6], want) || !slices.Equal(e.Sources, []string{ownTable}) {
		t.Errorf("%q, want %q", got, want)
	}
	mustUp(t, w)
	d, _ = w.process(file)
	if e := mustCost(t, d); e.Change != (prices.Amount{}) || e.Total.Month != 154.92 {
		t.Errorf("a cloud that is up: %s", e)
	}
	d, _ = w.process(file + "nodes: [{name: cloud-1, type: m8i.xlarge, disk: 60}]\n")
	d.restart = true
	e = mustCost(t, d)
	// The volume stays as it is: Macaw does not grow it.
	if got := texts(e); !slices.Contains(got, "this plan adds 0.0616/hour 44.95/month") ||
		!slices.Contains(got, "volume of cloud-1, 40 GiB gp3 0.0052/hour 3.81/month") {
		t.Errorf("another type: %q", got)
	}
}

// A node that the file no longer has costs nothing after the plan.
func TestCostOfReplacedNode(t *testing.T) {
	w := newWorld(t)
	mustUp(t, w)
	d, _ := w.process(file + "nodes: [{name: other, type: t3.large}]\n")
	e := mustCost(t, d)
	if got := texts(e); len(e.Lines) != 3 || e.Lines[0].Name != "instance other" ||
		!slices.Contains(got, "this plan adds -0.0960/hour -70.08/month") {
		t.Errorf("%q", got)
	}
}

// Prices that were asked for count in later plans too, and preflight has the same.
func TestAskedPrices(t *testing.T) {
	w := newWorld(t)
	unknown := file + "nodes: [{name: cloud-1, type: m6a.xlarge}]\n"
	d, _ := w.process(unknown)
	const missing = "the price of m6a.xlarge in eu-central-1 is not in"
	if e := mustCost(t, d); !e.Incomplete || !strings.Contains(e.String(), missing) {
		t.Errorf("%s", e)
	}
	d, _ = w.process(unknown)
	d.Prices = true
	asked := mustCost(t, d)
	if asked.Incomplete || len(asked.Sources) != 2 || !strings.HasPrefix(asked.Sources[0], labPrices) {
		t.Errorf("%s", asked)
	}
	d, _ = w.process(unknown)
	res, err := d.Preflight(t.Context())
	if err != nil || res.Cost.String() != asked.String() {
		t.Errorf("%v, preflight says %s, not %s", err, res.Cost, asked)
	}
}

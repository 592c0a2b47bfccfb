// SPDX-License-Identifier: Apache-2.0

package command

import (
	"strings"
	"testing"

	"macaw.example/lab/internal/faults"
)

// The tree shows which machines and interfaces a fault has taken down.
func TestStatusShowsFaults(t *testing.T) {
	st := status{VPCs: []labVPC{{ID: "vpc-1", ENIs: []labENI{{ID: "eni-3"}}, Machines: []labMachine{
		{ID: "i-1", Zone: "a", ENIs: []labENI{{ID: "eni-1"}, {ID: "eni-2"}}}, {ID: "i-2", Zone: "b"}, {ID: "i-3", Zone: "a"},
	}}}}
	st.noteFaults(faults.Plan{Faults: []faults.Fault{
		{Name: faults.PowerOff, Target: "i-1"}, {Name: faults.NICDown, Target: "eni-2"}, {Name: faults.ZoneDown, Target: "b"},
		{Name: faults.Late},
	}})
	var out strings.Builder
	if err := st.text(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"i-1  a\n   │  ├─ no power: fault power-off\n",
		"i-2  b\n   │  └─ no power: fault zone-down\n", "down: fault nic-down",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
	if n := strings.Count(out.String(), "fault"); n != 3 {
		t.Errorf("%d faults in\n%s", n, &out)
	}
}

// SPDX-License-Identifier: Apache-2.0

package account

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the settings into lab/fidelity.md")

// TestFidelity compares the settings with those in lab/fidelity.md.
func TestFidelity(t *testing.T) {
	const fidelity = "../../fidelity.md"
	const begin, end = "./lab/internal/account -run TestFidelity -update -->\n", "<!-- end of settings -->"
	b, err := os.ReadFile(fidelity)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(b), begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("%s has no place for the settings", fidelity)
	}
	var table strings.Builder
	table.WriteString("\n| setting | effect | source |\n|---|---|---|\n")
	for _, s := range All {
		fmt.Fprintf(&table, "| `%s` | %s | %s |\n", s.Name, s.Short, s.Source)
	}
	table.WriteString("\n")
	want := before + begin + table.String() + end + after
	switch {
	case string(b) == want:
	case *update:
		if err := os.WriteFile(fidelity, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s does not say what the settings are: go test ./lab/internal/account -run TestFidelity -update", fidelity)
	}
}

// SPDX-License-Identifier: Apache-2.0

package conform

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the checks into lab/fidelity.md")

const fidelity = "../../fidelity.md"

// TestFidelity compares the checks with those in lab/fidelity.md.
func TestFidelity(t *testing.T) {
	b, err := os.ReadFile(fidelity)
	if err != nil {
		t.Fatal(err)
	}
	begin, rest, found := strings.Cut(string(b), "-update -->\n")
	_, end, closed := strings.Cut(rest, "<!-- end of checks -->")
	if !found || !closed {
		t.Fatalf("%s has no place for the checks", fidelity)
	}
	want := begin + "-update -->\n" + checkTable() + "<!-- end of checks -->" + end
	switch {
	case string(b) == want:
	case *update:
		if err := os.WriteFile(fidelity, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s does not say what the checks are: go test ./lab/internal/conform -run TestFidelity -update", fidelity)
	}
}

// TestOpenQuestions requires every check that only observes among the open questions of
// lab/fidelity.md.
func TestOpenQuestions(t *testing.T) {
	b, err := os.ReadFile(fidelity)
	if err != nil {
		t.Fatal(err)
	}
	_, questions, _ := strings.Cut(string(b), "## Open questions")
	for _, c := range Checks() {
		if c.Confidence == Unknown && !strings.Contains(questions, "`"+c.ID+"`") {
			t.Errorf("%s observes only, and is no open question", c.ID)
		}
	}
}

func checkTable() string {
	var b strings.Builder
	b.WriteString("\n| check | rule | source | how sure | makes |\n|---|---|---|---|---|\n")
	cell := func(s string) string {
		return strings.NewReplacer("|", `\|`, "<", "&lt;", ">", "&gt;", "*", `\*`).Replace(s)
	}
	for _, c := range Checks() {
		var makes []string
		for _, cost := range c.Costs {
			makes = append(makes, string(cost))
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", c.ID, cell(c.Rule), cell(c.Source), c.Confidence,
			strings.Join(makes, ", "))
	}
	b.WriteString("\n")
	return b.String()
}

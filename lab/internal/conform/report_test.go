// SPDX-License-Identifier: Apache-2.0

package conform

import (
	"strings"
	"testing"
)

func TestReportForPeople(t *testing.T) {
	r := Report{Seconds: 3.2, Results: []Result{
		{Check: Check{ID: "good", Title: "All is well", Confidence: Documented}, Status: Passed},
		{Check: Check{ID: "bad", Title: "Not so", Rule: "It is so", Source: "a book", Confidence: Reported}, Status: Failed,
			Expected: "this", Seen: "that"},
		{Check: Check{ID: "open", Title: "A question", Confidence: Unknown}, Status: Observed,
			Observations: []string{"2.0 s"}},
		{Check: Check{ID: "late", Title: "Not reached", Confidence: Documented}, Status: Skipped, Problem: "needs bad"},
	}}
	var b strings.Builder
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	const want = `CHECK  RESULT    KNOWN       SECONDS  RULE
good   passed    documented  0.0      All is well
bad    failed    reported    0.0      Not so
open   observed  unknown     0.0      A question
late   skipped   documented  0.0      Not reached

Observed:
  open
      2.0 s

Skipped or broken:
  late
      skipped: needs bad

Failed:
  bad
      rule:     It is so
      source:   a book (reported)
      expected: this
      saw:      that

1 passed, 1 failed, 1 observed, 1 skipped, 0 broken, in 3 s.
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
	if r.Good() {
		t.Error("a report with a failure is good")
	}
}

func TestNotice(t *testing.T) {
	checks, _ := Select([]string{"arp"})
	notice := strings.Join(Notice(checks), "\n")
	for _, want := range []string{"two instances", "Elastic IPs", "10.213.0.0/16"} {
		if !strings.Contains(notice, want) {
			t.Errorf("the notice does not say %q:\n%s", want, notice)
		}
	}
	if strings.Contains(notice, "NAT") {
		t.Errorf("the notice speaks of a NAT gateway:\n%s", notice)
	}
	free, _ := Select([]string{"pages"})
	if n := Notice(free); len(n) != 1 {
		t.Errorf("checks that are free: %q", n)
	}
}

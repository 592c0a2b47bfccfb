// SPDX-License-Identifier: Apache-2.0

package conform

import (
	"fmt"
	"time"
)

// Confidence is the kind of evidence for a rule.
type Confidence string

// The kinds of evidence. An unknown rule is an open question: its check observes and
// does not judge.
const (
	Documented Confidence = "documented" // by AWS
	Reported   Confidence = "reported"   // by users
	Inferred   Confidence = "inferred"   // from what is documented or reported
	Unknown    Confidence = "unknown"
)

// Cost is something that a check makes and AWS charges for.
type Cost string

// The costs of checks.
const (
	ElasticIPs Cost = "Elastic IPs"
	Instances  Cost = "instances"
	NATGateway Cost = "a NAT gateway"
)

// Check is one rule of AWS and its test.
type Check struct {
	ID    string `json:"id"` // words joined by dashes, the area first
	Title string `json:"title"`
	// Rule is one sentence; Source is the document that states it.
	Rule       string     `json:"rule"`
	Source     string     `json:"source"`
	Confidence Confidence `json:"confidence"`
	// Needs are the IDs of checks that must pass first.
	Needs []string `json:"needs,omitempty"`
	Costs []Cost   `json:"costs,omitempty"`
	// DataPlane is set if the check sends frames between instances.
	DataPlane bool `json:"dataPlane,omitempty"`

	run func(*bench)
}

// Status is the outcome of a check.
type Status string

// The outcomes of a check. A broken check could not be completed, which says nothing
// about the rule; observed is the outcome for an open question.
const (
	Passed   Status = "passed"
	Failed   Status = "failed"
	Observed Status = "observed"
	Skipped  Status = "skipped"
	Broken   Status = "broken"
)

// Result is a check with its outcome.
type Result struct {
	Check
	Status Status `json:"status"`
	// Expected and Seen are set if the check failed.
	Expected string `json:"expected,omitempty"`
	Seen     string `json:"seen,omitempty"`
	// Observations may be of any check, judged or not.
	Observations []string `json:"observations,omitempty"`
	// Problem is why a check was skipped or is broken.
	Problem string  `json:"problem,omitempty"`
	Seconds float64 `json:"seconds"`
}

// Good reports whether the check neither failed nor broke.
func (r Result) Good() bool { return r.Status != Failed && r.Status != Broken }

// Failure is the error of a rule that does not hold.
type Failure struct{ Expected, Seen string }

func (f *Failure) Error() string { return fmt.Sprintf("expected %s; saw %s", f.Expected, f.Seen) }

// Report is the outcome of a run.
type Report struct {
	Run      string    `json:"run"` // the value of TagRun on its resources
	Endpoint string    `json:"endpoint"`
	Region   string    `json:"region"`
	Begun    time.Time `json:"begun"`
	Seconds  float64   `json:"seconds"`
	Results  []Result  `json:"results"`
}

// Count counts the results with a status.
func (r Report) Count(s Status) int {
	n := 0
	for _, result := range r.Results {
		if result.Status == s {
			n++
		}
	}
	return n
}

// Good reports whether no check failed or broke.
func (r Report) Good() bool { return r.Count(Failed)+r.Count(Broken) == 0 }

// SPDX-License-Identifier: Apache-2.0

package conform

import (
	"fmt"
	"time"
)

// Confidence says how a rule is known.
type Confidence string

// The degrees of confidence. A rule that is unknown is an open question: its
// check observes and does not judge.
const (
	Documented Confidence = "documented" // by AWS
	Reported   Confidence = "reported"   // by people who saw it
	Inferred   Confidence = "inferred"   // from what is documented or reported
	Unknown    Confidence = "unknown"
)

// Cost is something that a check makes and AWS charges for.
type Cost string

// What checks make that AWS charges for.
const (
	ElasticIPs Cost = "Elastic IPs"
	Instances  Cost = "instances"
	NATGateway Cost = "a NAT gateway"
)

// Check is one rule of AWS and how to see whether it holds.
type Check struct {
	ID    string `json:"id"` // words joined by dashes, the area first
	Title string `json:"title"`
	// Rule is the rule in a sentence, Source the document that it stands in.
	Rule       string     `json:"rule"`
	Source     string     `json:"source"`
	Confidence Confidence `json:"confidence"`
	// Needs are the IDs of checks that must have passed.
	Needs []string `json:"needs,omitempty"`
	Costs []Cost   `json:"costs,omitempty"`
	// DataPlane says that the check sends frames between instances.
	DataPlane bool `json:"dataPlane,omitempty"`

	run func(*bench)
}

// Status is what came of a check.
type Status string

// What comes of a check. Broken is a check that could not be carried out, which
// says nothing about the rule; observed is the answer to an open question.
const (
	Passed   Status = "passed"
	Failed   Status = "failed"
	Observed Status = "observed"
	Skipped  Status = "skipped"
	Broken   Status = "broken"
)

// Result is a check and what came of it.
type Result struct {
	Check
	Status Status `json:"status"`
	// Expected and Seen are of a check that failed.
	Expected string `json:"expected,omitempty"`
	Seen     string `json:"seen,omitempty"`
	// Observations are what was noted on the way, whether judged or not.
	Observations []string `json:"observations,omitempty"`
	// Problem is why a check was skipped or is broken.
	Problem string  `json:"problem,omitempty"`
	Seconds float64 `json:"seconds"`
}

// Good says that the result speaks for the AWS that was asked.
func (r Result) Good() bool { return r.Status != Failed && r.Status != Broken }

// Failure is a rule that does not hold.
type Failure struct{ Expected, Seen string }

func (f *Failure) Error() string { return fmt.Sprintf("expected %s; saw %s", f.Expected, f.Seen) }

// Report is a whole run.
type Report struct {
	Run      string    `json:"run"` // the value of the tag on all that it made
	Endpoint string    `json:"endpoint"`
	Region   string    `json:"region"`
	Begun    time.Time `json:"begun"`
	Seconds  float64   `json:"seconds"`
	Results  []Result  `json:"results"`
}

// Count counts the results of a status.
func (r Report) Count(s Status) int {
	n := 0
	for _, result := range r.Results {
		if result.Status == s {
			n++
		}
	}
	return n
}

// Good says that no check failed or broke.
func (r Report) Good() bool { return r.Count(Failed)+r.Count(Broken) == 0 }

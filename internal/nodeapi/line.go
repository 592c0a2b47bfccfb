// SPDX-License-Identifier: Apache-2.0

package nodeapi

// State is the state of a step.
type State string

// The states of a step.
const (
	Started State = "start"
	Done    State = "done"
	Failed  State = "failed"
	Skipped State = "skipped" // nothing to do, or a step it needs has failed
)

// Line is a line of a job's log: the start or end of a step, a note or, in the last line, the job's
// result.
type Line struct {
	Step   string `json:"step,omitempty"`
	State  State  `json:"state,omitempty"`
	Error  string `json:"error,omitempty"`
	Note   string `json:"note,omitempty"`   // about a step under way; in a line without Step
	Result string `json:"result,omitempty"` // ResultOK or ResultFailed
	// Hints belong to the Error of a result.
	Hints []string `json:"hints,omitempty"`
}

// Steps that others wait for.
const (
	// StepServing ends when the cloud serves an operator, who may make networks.
	StepServing = "serving"
	// StepGuests ends when guests can be made, and get their metadata.
	StepGuests = "guests"
)

// The results of a job.
const (
	ResultOK     = "ok"
	ResultFailed = "failed"
)

// SPDX-License-Identifier: Apache-2.0

package nodeapi

// State is how far a step is.
type State string

// The states of a step.
const (
	Started State = "start"
	Done    State = "done"
	Failed  State = "failed"
	Skipped State = "skipped" // nothing to do, or a step it needs has failed
)

// Line is a line of the log of a job: a step that began or ended, or, in the last
// one, how the job as a whole came out.
type Line struct {
	Step   string `json:"step,omitempty"`
	State  State  `json:"state,omitempty"`
	Error  string `json:"error,omitempty"`
	Result string `json:"result,omitempty"` // ResultOK or ResultFailed
}

// How a job came out.
const (
	ResultOK     = "ok"
	ResultFailed = "failed"
)

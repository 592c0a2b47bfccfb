package node

import "time"

// State is how far a step is.
type State string

// The states of a step.
const (
	Started State = "start"
	Done    State = "done"
	Failed  State = "failed"
	Skipped State = "skipped" // nothing to do, or a step it needs has failed
)

// Event tells that a step has reached a state.
type Event struct {
	Step  string        `json:"step"`
	State State         `json:"state"`
	At    time.Duration `json:"at"`              // since the beginning of the phase
	Took  time.Duration `json:"took"`            // zero unless the step has ended
	After string        `json:"after,omitempty"` // the step it waited for last
	Err   error         `json:"-"`
}

// Progress hears of every event, one at a time. It may be nil.
type Progress func(Event)

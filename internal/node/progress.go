// SPDX-License-Identifier: Apache-2.0

package node

import "macaw.example/internal/graph"

// A caller's view of a phase. Progress may be nil.
type (
	State    = graph.State
	Event    = graph.Event
	Progress = graph.Progress
)

// The states of a step.
const (
	Started = graph.Started
	Done    = graph.Done
	Failed  = graph.Failed
	Skipped = graph.Skipped
	Noted   = graph.Noted
)

// notes returns the function that reports something about a step under way.
func notes(progress Progress) func(step, text string) {
	return func(step, text string) {
		if progress != nil {
			progress(Event{Step: step, State: Noted, Note: text})
		}
	}
}

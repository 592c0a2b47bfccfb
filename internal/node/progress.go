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

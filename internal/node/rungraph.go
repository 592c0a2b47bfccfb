// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"

	"macaw.example/internal/graph"
)

// errNothingToDo is returned by a step that found everything as wanted.
var errNothingToDo = graph.ErrNothingToDo

// runGraph runs the steps of a phase. A failed one does not stop its siblings: their results
// remain, and the next run has less to do.
func runGraph(ctx context.Context, steps []graph.Step, progress Progress) error {
	return graph.Run(ctx, steps, graph.Options{Progress: progress})
}

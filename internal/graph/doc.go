// SPDX-License-Identifier: Apache-2.0

// Package graph does steps that need each other, as many side by side as may be.
//
// In go [Step] values, which name what they need; out come an [Event] for each beginning
// and end, and what went wrong. [Run] knows nothing of what a step does: making AWS's
// resources and installing a node are both graphs. It undoes nothing, and it repeats
// nothing: a step that can be done again is the way on after a failure.
package graph

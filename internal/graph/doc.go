// SPDX-License-Identifier: Apache-2.0

// Package graph runs steps that depend on each other, in parallel as far as possible.
//
// Its input is [Step] values, which name their needs; its output is an [Event] for each start and
// end, and the steps' errors. [Run] does not know what a step does: making AWS's resources and
// installing a node are both graphs. It neither undoes nor repeats anything: steps must be
// repeatable, so that another run continues after a failure.
package graph

// SPDX-License-Identifier: Apache-2.0

// Package nodeapi is what the operator's program and a node's say to each other.
//
// macaw writes a [Spec] to [SpecPath] and runs [Program] with it; the log of such a
// job has one [Line] of JSON a line. "macaw-node status" prints a [Status]. The two
// programs share these types and nothing else: the operator's is built for any
// system, the node's for Linux.
package nodeapi

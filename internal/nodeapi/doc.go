// SPDX-License-Identifier: Apache-2.0

// Package nodeapi is the protocol between the operator's program and a node's.
//
// macaw writes a [Spec] to [SpecPath] and runs [Program] with it; each line of such a job's log is
// a [Line] of JSON. "macaw-node status" prints a [Status]. The two programs share only these types:
// the operator's is built for any system, the node's for Linux.
package nodeapi

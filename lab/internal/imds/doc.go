// SPDX-License-Identifier: Apache-2.0

// Package imds is instance metadata, version 2 (EC2 User Guide,
// instancedata-data-retrieval): tokens, hop limits, and the tree below /latest.
//
// A [Handler] answers for the instances of a [Source]; who is asking it is told by the
// caller, which knows from which network interface a connection came. It holds no state
// but tokens.
package imds

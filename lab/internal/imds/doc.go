// SPDX-License-Identifier: Apache-2.0

// Package imds is instance metadata, version 2 (EC2 User Guide,
// instancedata-data-retrieval): tokens, hop limits, and the tree below /latest.
//
// A [Handler] serves the instances of a [Source]. Its caller provides the function that
// maps a request to a network interface. Its only state is the key of its tokens.
package imds

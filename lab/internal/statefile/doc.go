// SPDX-License-Identifier: Apache-2.0

// Package statefile keeps a service's state as one JSON document in a file: [Write]
// replaces it whole or not at all, with mode 0600, [Read] returns an empty one where
// there is none, and [Decode] makes a model of it in which no map is nil.
package statefile

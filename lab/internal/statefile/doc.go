// SPDX-License-Identifier: Apache-2.0

// Package statefile stores a service's state as one JSON document in a file: [Write]
// replaces the file atomically, with mode 0600; [Read] returns an empty document if there
// is no file; [Decode] makes a model from it in which no map is nil.
package statefile

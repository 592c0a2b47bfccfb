// SPDX-License-Identifier: Apache-2.0

//go:build unix

package terminal

// rawOutput does nothing: terminals follow escape sequences.
func rawOutput() (undo func()) { return func() {} }

// SPDX-License-Identifier: Apache-2.0

// Package execute runs programs on the machine it is on. Their errors have the end of their output; a limit of their
// time, or the end of this process, can leave them time to end by themselves; and they may report while they run.
// Tests give a [Runner] of their own.
package execute

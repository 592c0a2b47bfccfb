// SPDX-License-Identifier: Apache-2.0

// Package terminal is the user interface of Macaw's programs.
//
// A command's result goes to stdout, as text or, with --output json, as one JSON document
// ([Terminal.Print]). Progress goes to stderr, one line for each step ([Steps]), and so do errors,
// as lines "error: ..." and, if possible, "hint: ..." ([Report]). A signal ends a command within
// two seconds, with a report of the unfinished steps and of what to do next ([Terminal.Run]).
//
// The package knows nothing of clouds or of the lab; the commands of both use it.
package terminal

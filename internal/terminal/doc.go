// SPDX-License-Identifier: Apache-2.0

// Package terminal is how Macaw's programs talk to those who run them.
//
// What a command was asked for goes to stdout, as text or, with --output json, as
// one JSON document ([Terminal.Print]). Progress goes to stderr, one line for each
// step ([Steps]), and so do errors, as lines "error: ..." and, where there is a way
// out, "hint: ..." ([Report]). A signal ends a command within two seconds, with the
// steps that were under way and what to do next ([Terminal.Run]).
//
// The package knows nothing of clouds or of the lab; both have their commands on it.
package terminal

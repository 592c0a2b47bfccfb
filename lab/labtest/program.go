// SPDX-License-Identifier: Apache-2.0

//go:build macaw_program

package labtest

// Start builds this program in the module of the test. No build sets the tag, so nothing is linked;
// but "go mod tidy" and "go mod vendor" read files of all build tags (Go Modules Reference, go mod
// tidy), and record what the program needs.
import _ "macaw.example/lab/cmd/macaw-lab"

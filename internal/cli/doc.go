// SPDX-License-Identifier: Apache-2.0

// Package cli is macaw's command line, one file per command: flags, help, and the printing of
// results.
//
// The commands' work is in package deploy, of which an [App] makes a Deployment for each cloud
// file. Prompts and progress are in package terminal. [App.Root] returns the commands as a cobra
// command.
package cli

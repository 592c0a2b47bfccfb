// SPDX-License-Identifier: Apache-2.0

// Package cli is macaw's command line, one file a command: flags, help, and what is
// printed of a result.
//
// What the commands do is in package deploy, which an [App] has one of for each cloud
// file; how they talk to their users is in package terminal. [App.Root] returns them as
// a cobra command.
package cli

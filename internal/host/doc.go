// SPDX-License-Identifier: Apache-2.0

// Package host works on one machine over SSH: it runs commands, copies files, and runs jobs that
// survive a lost connection.
//
// [Dial] connects, and retries while a machine that has just been started refuses. A [Host] then
// runs commands ([Host.Run], [Host.Output]), writes files atomically ([Host.Put]), and starts a
// [Job] as a transient systemd unit, which [Host.Follow] shows from its first line, reconnecting as
// needed.
//
// Every wait for the machine has a limit ([Times]), and errors describe what the machine did or did
// not do. Host keys are stored by instance ID ([HostKeys]); a changed key is an error. Secrets go
// through stdin, never into a command.
package host

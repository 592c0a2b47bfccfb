// SPDX-License-Identifier: Apache-2.0

// Package host works on one machine over SSH: it runs commands, copies files, and
// runs jobs that survive a lost connection.
//
// [Dial] connects, and keeps trying while a machine that was just started refuses. A
// [Host] then runs commands ([Host.Run], [Host.Output]), writes files whole or not at all
// ([Host.Put]), and starts a [Job] as a transient systemd unit, which [Host.Follow] shows
// from its first line, over as many connections as it takes.
//
// Every wait for the machine has an end ([Times]), and errors say what the machine did
// or did not do. Host keys are remembered by instance ID ([HostKeys]); a key that
// changes is an error. Secrets go through stdin, never into a command.
package host

// SPDX-License-Identifier: Apache-2.0

// Package faults makes the lab's AWS misbehave as AWS does: calls that fail, are throttled,
// are delayed or return stale state; a data plane that lags; machines, network interfaces
// and zones without power.
//
// A [Plan] is a value that lists the active faults; its seed makes it repeatable. An
// [Injector] carries it out: in front of EC2's actions, between EC2 and the fabric, in
// front of the metadata service, and on the machines. Without faults it changes nothing.
package faults

// SPDX-License-Identifier: Apache-2.0

// Package faults makes the lab's AWS misbehave as AWS does: calls that fail, are
// throttled, come late or show old state, a data plane that follows late, and machines,
// network interfaces and zones without power.
//
// A [Plan] says which faults are on; it is a value, and repeatable by its seed. An
// [Injector] carries it out: it sits before EC2's actions, between EC2 and the fabric,
// before the metadata service, and beside the machines. Without faults it changes
// nothing.
package faults

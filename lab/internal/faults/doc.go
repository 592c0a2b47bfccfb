// Package faults makes the lab's AWS misbehave as AWS does: calls that fail, are
// throttled, come late or show old state, a data plane that follows late, and
// machines, network interfaces and zones without power.
package faults

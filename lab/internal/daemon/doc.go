// SPDX-License-Identifier: Apache-2.0

// Package daemon is the daemon of a host's lab, and the code that brings it up and down.
//
// [Up] makes the image and the configuration and starts a process that calls [Serve]: the
// fabric with its devices, the EC2, IAM, STS and SSM APIs, instance metadata, the lab's
// Internet, and the control socket of package control. Machines run under supervisors of
// their own and outlive the daemon; the next one adopts them. [Down] removes everything.
//
// A host has at most one lab, because the addresses of its Internet are fixed.
package daemon

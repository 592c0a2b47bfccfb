// SPDX-License-Identifier: Apache-2.0

// Package daemon is the process that the lab of a host is, and what brings it up and
// down.
//
// [Up] makes the image and the configuration and starts a process that calls [Serve]:
// the fabric with its devices, EC2's API and its like, instance metadata, the lab's
// Internet, and the control socket of package control. Machines run under supervisors of
// their own and outlive it; the next daemon takes them over. [Down] removes all of it.
//
// There is one lab on a host, because the addresses of its Internet exist once.
package daemon

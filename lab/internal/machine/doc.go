// SPDX-License-Identifier: Apache-2.0

// Package machine is the lab's machines: Debian booted by systemd-nspawn on an overlay
// of an image, in a network namespace of its own.
//
// A [Manager] makes, starts, stops and destroys them by their [Spec]; [Supervise] is the
// process that one runs under, so that it outlives the daemon. What is on a machine's
// network is not this package's: it only hands over the namespace.
package machine

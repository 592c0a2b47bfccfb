// SPDX-License-Identifier: Apache-2.0

// Package machine runs the lab's machines: Debian booted by systemd-nspawn on an overlay of
// an image, in its own network namespace.
//
// A [Manager] creates, starts, stops and destroys them by their [Spec]; [Supervise] is the
// supervisor process of one machine, which outlives the daemon. This package does not
// create network devices: it only provides the namespace.
package machine

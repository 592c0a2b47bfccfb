// SPDX-License-Identifier: Apache-2.0

// Package packages installs Debian's packages on a node, and prepares once what each of their programs would
// otherwise do at every start: the part of the package step that knows apt, dpkg and Python, and no service of
// OpenStack by itself. [Machine.Steps] go into the graph of package node.
//
// It waits for other users of apt, keeps Debian's own upgrades from running meanwhile, holds packages of the cloud's
// services back from them afterwards ([HeldBack]), and does with quick means what takes most of the time. It may be
// killed at any point and run again.
package packages

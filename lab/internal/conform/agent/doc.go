// SPDX-License-Identifier: Apache-2.0

// Package agent sends and receives frames on an instance, for the checks of package
// conform: [Serve] reads orders from stdin and writes answers to stdout, one JSON
// document per line, over an SSH connection. It uses raw sockets and never changes
// addresses or routes.
package agent

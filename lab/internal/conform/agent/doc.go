// SPDX-License-Identifier: Apache-2.0

// Package agent sends and receives frames on an instance, for the checks of package
// conform: [Serve] takes orders from stdin and answers on stdout, one JSON document a
// line, over an SSH connection. It uses raw sockets, and leaves addresses and routes as
// they are.
package agent

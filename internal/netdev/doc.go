// SPDX-License-Identifier: Apache-2.0

// Package netdev finds and configures network interfaces: what translation, tunnels and the lab
// need of NICs and veth pairs. It works on the interfaces of the calling thread's network
// namespace, and attaches no programs.
package netdev

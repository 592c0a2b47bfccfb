// SPDX-License-Identifier: Apache-2.0

// Package internet is the lab's Internet: a network namespace with a few hosts (a name
// server that answers pings, a web server, AWS's endpoints) and a link to the operator's
// host.
//
// [Up] makes the namespace and a veth pair to the host, with routes for the lab's addresses
// only; [Serve] and [ServeAWS] run the hosts' services. No packet leaves it for a real
// network.
package internet

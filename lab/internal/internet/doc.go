// SPDX-License-Identifier: Apache-2.0

// Package internet is the lab's Internet: a network namespace with a few hosts (a
// name server that answers pings, a web server, AWS's endpoints) and the operator's way
// in.
//
// [Up] makes the namespace and a cable to the host, with routes that lead nowhere else;
// [Serve] and [ServeAWS] are the hosts' services. No packet from here ever gets to a
// real network.
package internet

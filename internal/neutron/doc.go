// SPDX-License-Identifier: Apache-2.0

// Package neutron is a client for the parts of Neutron that Macaw uses: external networks, routers,
// floating IPs, port forwardings, and the addresses that these use on the wire.
//
// A [Provider] lists Neutron's addresses on one external network, as a consistent snapshot or an
// error, and changes forwardings and tags. [LogIn] is the project's one OpenStack client; other
// services are opened from its [Session].
//
// The package returns Neutron's data unchanged, and knows nothing of AWS.
package neutron

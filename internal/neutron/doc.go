// SPDX-License-Identifier: Apache-2.0

// Package neutron is Neutron as Macaw sees it: external networks, routers, floating
// IPs, port forwardings, and the addresses that these put on the wire.
//
// A [Provider] lists what Neutron has given out on one external network, as a consistent
// picture or an error, and changes forwardings and tags. [LogIn] is the one client of
// OpenStack; other services are opened from its [Session].
//
// What Neutron says is taken as it is: nothing here knows of AWS.
package neutron

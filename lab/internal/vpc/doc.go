// SPDX-License-Identifier: Apache-2.0

// Package vpc is the lab's fabric: what carries packets between network
// interfaces, the Internet and AWS's link-local services, and drops what AWS
// drops.
//
// [Fabric.SetTopology] tells it what there is; it compiles that into tables and
// swaps them in at once. [Fabric.Forward] then is a function: a port and a frame
// in, deliveries or the [Reason] of a drop out. It reads no clock, touches no
// device and, but for the first packet of a flow and for DHCP, allocates nothing.
// [Fabric.Tick] says what the fabric says unasked: router advertisements, status
// checks, moved addresses. [Switch] puts devices around the function.
//
// The fabric answers in the place of others, and nobody else hears the question:
// ARP and neighbour discovery from what is registered, DHCP and DHCPv6 with the
// interface's own address. It keeps state only where AWS does: the flows of
// security groups, the connections of NAT gateways, the fragments of packets.
//
// Each rule has its source beside it, and each drop has its reason, which is
// counted, logged ([Fabric.Drops]) and shown to an [Observer]. Nothing is passed
// because the fabric does not know better.
package vpc

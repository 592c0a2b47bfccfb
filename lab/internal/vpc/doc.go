// SPDX-License-Identifier: Apache-2.0

// Package vpc is the lab's fabric: it carries packets between network interfaces, the
// Internet and AWS's link-local services, and drops what AWS drops.
//
// [Fabric.SetTopology] compiles a topology into tables and swaps them in atomically.
// [Fabric.Forward] is a function: a port and a frame in; deliveries, or the [Reason] of a
// drop, out. It reads no clock, touches no device and allocates nothing, except for DHCP
// and the first packet of a flow. [Fabric.Tick] emits unsolicited packets: router
// advertisements, status checks, announcements of moved addresses. [Switch] connects the
// function to devices.
//
// The fabric answers ARP and neighbour discovery from the registered addresses, and DHCP
// and DHCPv6 with the interface's own address; instances never see each other's requests.
// A GSO frame is judged and counted as the frames that it stands for ([Fabric.ForwardGSO]).
// It keeps state only where AWS does: the flows of security groups, the connections of NAT
// gateways, the fragments of packets.
//
// Each rule cites its source. Each drop has a reason, which is counted, logged
// ([Fabric.Drops]) and shown to an [Observer]. The fabric never passes a frame for want of
// a rule.
package vpc

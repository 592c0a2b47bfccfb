// SPDX-License-Identifier: Apache-2.0

// Package tunnel gives Open vSwitch's userspace datapath the Geneve frames of the
// management NIC, without giving it the NIC: SSH never depends on Open vSwitch.
//
// The kernel's datapath sends and receives tunnels through the kernel's own stack, and needs
// none of this. The userspace datapath must have the tunnels' address on the internal port of
// one of its bridges, [Bridge], and receives only what comes in by that bridge's ports.
//
//	fabric -- NIC -- from_wire ----> mcg0|mcg1 -- br-phy (management address again) -- br-int
//	           |  <-- from_bridge --
//	           kernel: management address, SSH, APIs, everything else
//
// [Ensure] makes the veth pair and attaches eBPF programs to the NIC and to the pair's host
// end. They hold on without a process. [Route] gives the bridge the management address and
// makes Open vSwitch send tunnels through it; it has to be called after each start of
// ovs-vswitchd, which keeps routes in its memory only. The bridge itself, with [BridgeMAC]
// and [Port], is made by package node. [Remove] undoes Ensure.
//
// All three may be killed anywhere and called again, and change nothing that is right.
package tunnel

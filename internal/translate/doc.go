// SPDX-License-Identifier: Apache-2.0

// Package translate makes the frames of a bridge acceptable to a fabric that knows its
// ENIs by their MACs and registered addresses only, with eBPF programs between the bridge
// and the NICs.
//
// [Attach] puts the programs into their places: at each provider NIC, and at a veth pair,
// of which one end, the provider port, is a port of the bridge, and the other, the
// blackhole, is where frames end that may not leave. In goes a list of [Entry] values by
// [Translator.Sync]: the address, the MAC of the router or guest that has it, and the ENI
// on which it is registered. A frame from that address and MAC gets the ENI's MAC and
// leaves by its NIC; a frame to that address gets the router's MAC and arrives at the
// provider port. ARP and neighbour discovery are translated in their bodies, too.
//
// Every frame is counted under one [Reason] ([Translator.Counters]). A sample of the
// frames that may be news, such as those from an address that has no entry, comes as
// [Event] values ([Translator.Events]).
//
// Programs and maps are pinned in a BPF file system. They go on without the process that
// attached them, and Attach of another version replaces them without losing a frame or an
// entry; [Open] gives another process access to them, and [Detach] removes them. The
// package never decides which addresses are translated, never lets a frame from another
// MAC than an address's leave in its name, and never lets one reach AWS's link-local
// services from the bridge, even while the translation is off.
package translate

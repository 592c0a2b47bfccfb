// SPDX-License-Identifier: Apache-2.0

// Package registrar keeps AWS in step with Neutron: the private addresses on a
// gateway node's network interfaces, and the Elastic IPs associated with them.
//
// In go the addresses that Neutron has allocated, as [Want] values; out comes a
// [Result]: where each address is registered, which Elastic IP it has, and, as
// findings, what could not be had. [Registrar.Reconcile] makes one pass: it describes
// AWS, plans (a pure function of wanted, seen and what earlier passes remember),
// applies, and reads the effects back. Between passes it keeps only what a Describe
// does not show, and nothing that a new process could not do without.
//
// Every gateway node runs one, and there is no coordinator. Two cannot fight:
//
//   - Neutron says of each address on which one node its traffic is (Want.Here),
//     and only that node assigns it, allocates for it or associates with it. A
//     node with a stale view of Neutron may take an address back once; its next
//     answer from Neutron ends that. Without an answer from Neutron there is no
//     pass.
//   - A node unassigns addresses from its own interfaces only, and only those that
//     Neutron no longer has at all. (IPv6 cannot be moved in one step; there the
//     node that needs an address takes it off the other one.)
//   - An Elastic IP is found by its tag, which names the one address it is for.
//     It is released only when Neutron no longer has that address, and AWS refuses
//     to release one that is associated. Retries can create duplicates; every node
//     keeps the same one.
//   - Elastic IPs of a pool have no tag; they are associated with
//     AllowReassociation off, so that of two nodes that choose the same one the
//     second is refused and takes another.
//
// On failover the node that takes over assigns with AllowReassignment, which
// moves the address and its Elastic IP in one call (EC2 API Reference,
// AssignPrivateIpAddresses). The result is read back; an Elastic IP that stayed
// behind is associated anew.
//
// The process may be killed after any call: what it began is found in AWS by the
// next one. It never touches an address outside of Config.Range, a tagged resource
// of another cloud, or an Elastic IP that an operator has associated.
package registrar

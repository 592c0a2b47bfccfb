// Package registrar keeps what AWS has registered equal to what Neutron has
// given out: private addresses on a gateway node's network interfaces, and the
// Elastic IPs that lead to them.
//
// Every gateway node runs one, and there is no coordinator. Two cannot fight:
//
//   - Neutron says of each address on which one node its traffic is (Want.Here),
//     and only that node assigns it, allocates for it or associates with it. A
//     node whose picture of Neutron is old may take an address back once; its
//     next look at Neutron ends that. Who cannot read Neutron does not reconcile.
//   - A node unassigns from its own interfaces only, and only what Neutron has
//     given to nobody. (IPv6 cannot be moved in one step; there the node that
//     needs an address takes it off the other one.)
//   - An Elastic IP is found by its tag, which names the one address it is for.
//     It is released only when Neutron has let go of that address, and AWS
//     refuses to release one that is associated. Of twins, which a call repeated
//     without an answer may make, all nodes keep the same one.
//   - Elastic IPs of a pool have no tag; they are associated with
//     AllowReassociation off, so of two nodes that reach for one the second is
//     refused and takes another.
//
// On failover the node that takes over assigns with AllowReassignment, which
// moves the address and the Elastic IP on it in one call (EC2 API Reference,
// AssignPrivateIpAddresses). What came of it is read back; an Elastic IP that
// has stayed behind is associated anew.
//
// Every call may be the last: what a killed process has begun is found in AWS by
// the next one.
package registrar

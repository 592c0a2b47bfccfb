// SPDX-License-Identifier: Apache-2.0

// Package gateways decides which gateway node has which router, on the controller of a cloud with several.
//
// OVN by itself moves a router when the tunnels of its node die, to the next of the nodes that Neutron has
// put in order, and back as soon as the first is there again. That leaves four things, which are this package's:
//
//   - a router stays where it is when the node that it had before returns;
//   - a node whose provider side is dead has living tunnels, so OVN leaves its routers there: the node's
//     agent says so, and the router moves;
//   - of two gateways the survivor has no tunnel left, takes itself for the isolated one, and binds nothing
//     (ha_chassis_group_is_active in ovn/controller/ha-chassis.c): the dead one is taken off the router's
//     list, and OVN asks no more of a list of one;
//   - what operators want: a node without routers, or all on one node, or spread.
//
// All of it is the order of each router's gateways in OVN's northbound database, see package ovn. plan is pure:
// orders, bindings and the state of nodes in, new orders out. Nothing here can bring an address to two places:
// OVN binds a router to one chassis, and AWS has an address on one interface. A node that is cut off and
// does not know it yet goes on sending, and AWS drops its frames from the moment the address is elsewhere.
package gateways

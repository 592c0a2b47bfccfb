// SPDX-License-Identifier: Apache-2.0

// Package ovn reads and writes the few rows of OVN's databases that say where routers are: which chassis a
// router's gateway is bound to, and which others may have it, in which order.
//
// Neutron gives each router's gateway port rows of the northbound table Gateway_Chassis, one for each
// gateway node, and their priorities. The chassis with the highest priority, of those whose tunnels are up,
// binds the port in the southbound table Port_Binding (ovn-architecture(7), "High Availability for
// Distributed Gateways"). Neutron keeps the order that it finds (ScheduleUnhostedGateways in
// neutron/plugins/ml2/drivers/ovn/mech_driver/ovsdb/commands.py), so it may be changed.
package ovn

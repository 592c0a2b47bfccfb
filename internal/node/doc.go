// SPDX-License-Identifier: Apache-2.0

// Package node turns a Debian machine into a node of an OpenStack cloud. It runs on
// the node, as root.
//
// [Make] does all of it, from a [nodeapi.Spec]: [Install], the package step, which
// depends on nothing but versions; the agent, on a gateway node; and [Apply], which
// writes configuration, accounts and endpoints and starts what the node's roles ask for,
// side by side as far as the graph of steps allows. [Generalize] takes from a machine
// what is its own, for an image of it.
//
// Each service has a file here, with its units, packages and templates. A step compares
// before it changes anything, so all of it may be killed anywhere and run again; a
// second run changes nothing. Secrets are made on the controller and never leave it but
// by SSH.
package node

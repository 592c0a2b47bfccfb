// SPDX-License-Identifier: Apache-2.0

// Package node turns a Debian machine into a node of an OpenStack cloud. It runs on the node, as
// root.
//
// [Make] does all of it, from a [nodeapi.Spec]: [Install], the package step, which depends only on
// versions; the agent, on a gateway node; and [Apply], which writes configuration, accounts and
// endpoints and starts the services of the node's roles, in parallel as far as the graph of steps
// allows. [Generalize] removes a machine's identity, for an image of it.
//
// Each service has a file here, with its units, packages and templates. A step compares before it
// changes anything, so it may be killed at any point and run again; a second run changes nothing.
// Secrets are made on the controller and leave it only by SSH.
package node

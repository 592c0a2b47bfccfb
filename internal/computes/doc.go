// SPDX-License-Identifier: Apache-2.0

// Package computes brings guests to safety when AWS takes a compute node away, on the controller of a cloud with
// several nodes:
//
//   - A Spot Instance has an interruption notice: its guests move to other nodes, and what is left is shut down before
//     its two minutes are up.
//   - A Spot Instance has a rebalance recommendation: its guests move, without any being shut down.
//   - A node has died, if the cloud file says so: its guests are made again on other nodes, once Nova calls it down and
//     EC2 says that its instance has ended. One that EC2 calls running may only hang: its guests would run twice.
//
// Goes in: what the units of Spot Instances answer (package spot), Nova, and EC2. plan is pure: what is seen in, tasks
// out; package drain carries them out. Each task looks at what Nova has, so a killed one is continued by the next.
//
// It never lets a node take guests again: that is an operator's decision (macaw node enable).
package computes

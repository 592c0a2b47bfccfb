// SPDX-License-Identifier: Apache-2.0

// Package spot says which notices AWS has given to this Spot Instance: the interruption notice, two minutes before it
// ends, and the rebalance recommendation, which may come earlier (EC2 User Guide, spot-instance-termination-notices
// and rebalance-recommendations).
//
// It only reports. A compute node has no credentials with which it could move guests; the controller asks, see package
// computes, and acts. There is no state: each answer is what instance metadata says now.
package spot

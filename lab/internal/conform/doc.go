// SPDX-License-Identifier: Apache-2.0

// Package conform tests an AWS, the lab's or Amazon's, against the rules that the lab
// implements.
//
// Each [Check] has a rule, its source and its [Confidence], and tests the rule: by EC2's
// API through AWS's SDK, by raw requests ([Wire]), or by frames between instances. [Run]
// makes VPCs for the checks, tags everything it makes ([TagRun]), runs the checks side by
// side, and removes it all; [Clean] removes what a killed run has left. A rule without
// any source is observed, not judged.
//
// The package never touches resources without its tag.
package conform

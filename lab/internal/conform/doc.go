// SPDX-License-Identifier: Apache-2.0

// Package conform holds an AWS, the lab's or Amazon's, to the rules that the lab is
// built on.
//
// Each [Check] states a rule, its source and how sure that is, and tries it: by EC2's
// API through AWS's SDK, by requests as bytes ([Wire]), and by frames between instances.
// [Run] makes what the checks need in VPCs of its own, tags all of it ([TagRun]), runs
// them side by side, and removes it again; [Clean] removes what a killed run has left. A
// rule that nobody has documented is observed and not judged.
//
// It never touches what does not have its tag.
package conform

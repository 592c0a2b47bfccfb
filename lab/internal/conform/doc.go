// Package conform asks an AWS, the lab's or Amazon's, whether it behaves as the
// lab believes that AWS does.
//
// A check is one rule with its source. The checks run the same against both, in
// VPCs that the run makes, tags and removes.
package conform

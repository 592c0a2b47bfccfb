// SPDX-License-Identifier: Apache-2.0

// Package infra makes, changes and removes the AWS resources of a cloud: its VPC with its subnets,
// the instances with their network interfaces and Elastic IPs, and the gateways' role.
//
// Every run has the same three steps:
//
//   - Package inventory reads what exists on AWS, by the tags of internal/aws. They are the only record
//     of what belongs to a cloud. It also finds resources of others that block its removal.
//   - [PlanUp] compares that with the cloud file, and [PlanDown] removes everything. A [Plan] is
//     pure: the same input gives the same [Action] values. Package preflight checks whether the
//     account can carry it. What needs an operator's decision becomes a [Drift] or
//     a [Kept] instead of an action.
//   - [Apply] carries a plan out, independent actions in parallel, and waits until AWS shows
//     the result. [Down] repeats all three until the cloud is gone. [Outputs] is what the rest
//     of Macaw reads.
//
// A run may be killed after any call: the next run finds everything it made. A call whose response
// was lost is repeated only after a look at AWS for its effect. One run at a time changes a cloud,
// across all machines (package runlock).
//
// The package never stops or replaces an instance because of a difference, unless the file no
// longer has that node. It touches nothing without the cloud's tag. The gateways' agents (package
// registrar) decide where Neutron's addresses are registered, except with [model.ElasticIPsAll],
// where all are made with the cloud.
package infra

// SPDX-License-Identifier: Apache-2.0

// Package infra makes, changes and removes the AWS resources of a cloud: its VPC with
// two subnets, the instances with their network interfaces and Elastic IPs, the gateways'
// role, and what it takes to bake an image.
//
// Every run is the same three steps:
//
//   - [See] asks AWS what there is, by the tags of internal/aws. They are the only record
//     of what belongs to a cloud; [SeeOthers] finds what is not the cloud's and stands in
//     its way.
//   - [PlanUp] compares that with the cloud file, [PlanIn] also with what the account may
//     have ([Ask]), and [PlanDown] removes everything. A [Plan] is pure: the same input
//     gives the same [Action] values, and what needs an operator's decision becomes a
//     [Drift] or a [Kept] instead of an action.
//   - [Apply] carries a plan out, independent actions side by side, and waits until AWS
//     shows the result. [Down] does all three until the cloud is gone. What the rest of
//     Macaw needs to know comes out as [Outputs].
//
// Every call may be the last: a killed run leaves nothing that the next one does not find.
// A call whose answer got lost is not made again before AWS was asked what it has done.
// One run at a time changes a cloud, from whatever machine: [Acquire].
//
// The package never stops or replaces an instance because of a difference, unless the file
// no longer has that node. It touches nothing without the cloud's tag, and it leaves to the
// gateways' agents which of Neutron's addresses are where (package registrar), except with
// [model.ElasticIPsAll], where all are made with the cloud.
package infra

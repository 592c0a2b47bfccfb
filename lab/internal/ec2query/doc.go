// SPDX-License-Identifier: Apache-2.0

// Package ec2query is the form of EC2's requests and answers, apart from what they are about: the
// parameters of the Query protocol read into structs, the filters of Describe calls, and lists in the
// answers. It knows no resource and keeps no state.
package ec2query

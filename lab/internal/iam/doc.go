// SPDX-License-Identifier: Apache-2.0

// Package iam is the lab's accounts: users, roles, instance profiles, keys and
// policies, with IAM's and STS's APIs.
//
// A [Store] has one account. It says whose a key is, what a caller may do (package
// [macaw.example/lab/internal/iam/policy] decides), and which credentials an instance's
// role has. It knows nothing of EC2 but the names of actions and resources in policies.
package iam

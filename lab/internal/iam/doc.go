// SPDX-License-Identifier: Apache-2.0

// Package iam is the lab's IAM and STS: users, roles, instance profiles, keys and
// policies, with the APIs of both.
//
// A [Store] holds one account. It authenticates keys, decides what a caller may do (by
// package [macaw.example/lab/internal/iam/policy]) and issues the credentials of instances'
// roles. Of EC2 it has only the names of actions and resources in policies.
package iam

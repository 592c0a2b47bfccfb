// SPDX-License-Identifier: Apache-2.0

// Package policy is IAM's policy documents: [Parse] reads one, and refuses what IAM
// refuses, with its words; [Evaluate] decides a [Request] by documents (IAM User Guide,
// reference_policies_evaluation-logic).
//
// It is pure: no accounts, no state, no clock.
package policy

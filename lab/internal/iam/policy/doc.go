// SPDX-License-Identifier: Apache-2.0

// Package policy implements IAM's policy documents: [Parse] reads one, and refuses the
// documents that IAM refuses, in its wording; [Evaluate] decides a [Request] by a set of
// documents (IAM User Guide, reference_policies_evaluation-logic).
//
// It is pure: no accounts, no state, no clock.
package policy

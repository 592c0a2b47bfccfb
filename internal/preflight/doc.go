// SPDX-License-Identifier: Apache-2.0

// Package preflight checks, before anything is made, whether an AWS account can carry a cloud: its
// region and zones, quotas, settings, and what the caller and the account's organization permit.
//
// [Ask] reads what the account says: an [Account] is a value. [Zone] picks a zone that offers the
// cloud's instance types. [Run] is pure: from the account, the cloud and its plan it makes a [Check]
// for each condition, passed, failed or unknown. [Failed] makes an error of the failed ones, with
// their places in the cloud file. plan, up and preflight use the same checks.
//
// The package changes nothing. Its calls of actions that do are in dry run (EC2 API Reference,
// CommonParameters, DryRun), or simulated by IAM. What AWS does not tell before it happens, such as
// whether a zone has capacity, stays unknown and is no failure.
package preflight

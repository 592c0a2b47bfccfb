// SPDX-License-Identifier: Apache-2.0

// Package aws has what all callers of AWS share. Packages that make, keep and remove different
// resources must agree on it, so each rule is here once:
//
//   - What an error means for its call ([ClassOf], [Passing], [Code]), and how a call is
//     repeated ([Policy], [Backoff], [Retryer]; [Token] for calls that must not take effect
//     twice). [Complete] gives a client all of that.
//   - The tags by which a cloud's resources are found ([TagCloud], [TagPart], [Tags]), and the
//     names of parts that more than one package makes ([ProviderPart], [AddressPart]).
//   - How lists are requested ([Filter], [ByTag], [Collect]), and how many calls at once ([Reads]).
//
// The package makes no calls of its own, and does not know what a cloud consists of.
package aws

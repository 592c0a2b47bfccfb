// SPDX-License-Identifier: Apache-2.0

// Package aws is what everybody who calls AWS shares. Rooms that make, keep and
// remove different things must agree on it, so each is decided here once:
//
//   - What an error means for the call that got it ([ClassOf], [Passing], [Code]), and
//     how the call is repeated ([Policy], [Backoff], [Retryer]; [Token] for those that
//     must not have their effect twice). [Complete] gives a client all of that.
//   - By which tags a cloud's resources are found ([TagCloud], [TagPart], [Tags]), and
//     which part of a cloud those are that more than one room makes ([ProviderPart],
//     [AddressPart]).
//   - How lists are asked for ([Filter], [ByTag], [Collect]).
//
// Nothing in it makes a call of its own, or knows what a cloud consists of.
package aws

// SPDX-License-Identifier: Apache-2.0

// Package prices says what a cloud costs on AWS.
//
// [Table] has AWS's list prices: [Default] the ones that the program carries, [Ask] those that AWS's
// Price List API gives, [Load] and [Save] the ones that were asked before. [Table.Estimate] is pure:
// the things that a cloud has and will have in, lines and totals out. A price that no table has is
// reported as unknown and never guessed; the total then says that it is incomplete. Traffic, taxes
// and discounts are not included.
package prices

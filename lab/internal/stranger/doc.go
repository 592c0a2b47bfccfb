// SPDX-License-Identifier: Apache-2.0

// Package stranger tests what an ordinary user of the host can access: [Do] runs a function
// as one of [Users], and [Look] tries every kind of access to a path that should be
// refused.
package stranger

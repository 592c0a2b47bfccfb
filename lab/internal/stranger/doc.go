// SPDX-License-Identifier: Apache-2.0

// Package stranger is for tests that see what an ordinary user of the host gets at:
// [Do] runs a function as one of [Users], and [Look] tries everything on a path that
// should be refused.
package stranger

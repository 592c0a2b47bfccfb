// SPDX-License-Identifier: Apache-2.0

// Package instancetypes has what AWS says of its instance types.
package instancetypes

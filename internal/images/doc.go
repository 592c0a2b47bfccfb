// SPDX-License-Identifier: Apache-2.0

// Package images finds the machine image that a cloud's instances boot, and makes one of an instance on
// which OpenStack's packages are installed. An image is found by its tags alone; nothing about it is kept
// elsewhere.
package images

// SPDX-License-Identifier: Apache-2.0

// Package image builds and stores the images of the lab's machines.
//
// A stock image is Debian as described by a [Recipe], built by mmdebstrap. A snapshot holds
// a machine's changes to its own image. A [Store] keeps images as directories for
// overlayfs, each complete or absent. Images are read-only to machines and immutable.
package image

// SPDX-License-Identifier: Apache-2.0

// Package image makes and keeps the images of the lab's machines.
//
// A stock image is Debian as its [Recipe] says, built by mmdebstrap; a snapshot is what a
// machine has changed on top of its own image. A [Store] keeps them as directories that
// overlays are laid on, each complete or absent. Images are read by machines and never
// changed.
package image

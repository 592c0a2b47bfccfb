// SPDX-License-Identifier: Apache-2.0

// Package guest builds the tiny guest that verifies clouds: Debian's kernel, busybox and dropbear,
// small enough to boot in seconds under emulation.
//
// [Build] takes the .deb files of [Packages] from a directory and writes kernel, RAM disk and disk;
// the same packages give the same bytes. It downloads nothing and needs no root.
package guest

// SPDX-License-Identifier: Apache-2.0

// Package mounts hides the lab's mounts from the host's users, and removes directories
// regardless of mounts on them.
//
// [Private] makes directories that only root may enter. [OnThread] runs a function on a
// dedicated thread, whose attributes, such as its mount namespace, it may change.
// [RemoveAll] removes a tree in a mount namespace that contains nothing else: everything
// mounted in the tree is unmounted, and its content stays.
package mounts

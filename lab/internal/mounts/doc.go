// SPDX-License-Identifier: Apache-2.0

// Package mounts keeps the lab's mounts to itself, and removes directories whatever
// is mounted on them.
//
// [Private] makes directories that only root may enter. [OnThread] runs a function on a
// thread of its own, which may change what belongs to a thread, such as its mount
// namespace. [RemoveAll] removes a tree in a mount namespace that has nothing else: what
// was mounted there, from wherever, is unmounted and stays as it is.
package mounts

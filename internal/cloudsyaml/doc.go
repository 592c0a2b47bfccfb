// SPDX-License-Identifier: Apache-2.0

// Package cloudsyaml puts one cloud's entry into a clouds.yaml, and takes it out again.
//
// The file belongs to its user: it has other clouds, comments, anchors and habits. So the text is edited rather than
// written anew from what a parser made of it. [Set] and [Remove] change the lines of one entry; a parser says where
// they are, and then reads the outcome back: everything else must read as before, or nothing is changed and an
// [OddError] says why. [File] does that to a file: under a lock, by renaming, with a backup before its first change.
//
// What it never does: sort, reformat, resolve or interpret what is not the one entry.
package cloudsyaml

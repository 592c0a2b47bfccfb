// SPDX-License-Identifier: Apache-2.0

// Package cloudsyaml adds one cloud's entry to a clouds.yaml, and removes it.
//
// The file belongs to its user: it has other clouds, comments, anchors and a style. So the package
// edits the text instead of encoding parsed content. [Set] and [Remove] change the lines of one
// entry, which a parser locates, and then parse the result: everything else must read as before, or
// nothing is changed and an [OddError] has the reason. [File] applies this to a file: under a lock,
// by renaming, with a backup before its first change.
//
// The package never sorts, reformats, resolves or interprets anything but the one entry.
package cloudsyaml

// SPDX-License-Identifier: Apache-2.0

// Package smallfile reads files that users name: regular files, of at most [Limit]
// bytes. A directory, a pipe or a device is an [Error] that says what it is and what to
// do, and never a read without an end.
package smallfile

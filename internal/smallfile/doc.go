// SPDX-License-Identifier: Apache-2.0

// Package smallfile reads files that users name: regular files, of at most [Limit] bytes. For a
// directory, a pipe or a device it returns an [Error] with its type and a hint, and never blocks.
package smallfile

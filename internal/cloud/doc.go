// SPDX-License-Identifier: Apache-2.0

// Package cloud reads the cloud file: an operator's description of a cloud, in YAML.
//
// [Load] and [Parse] read it strictly. They return a [Cloud] with every default filled in, or
// [Errors], each with file, line, column and, if possible, a hint. A Cloud returned by Parse is
// consistent. What only AWS can check, such as whether a zone offers an instance type, other
// packages reject with [Cloud.Reject], which adds the position in the file.
//
// The package makes no calls and changes nothing.
package cloud

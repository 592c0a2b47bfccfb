// SPDX-License-Identifier: Apache-2.0

// Package cloud is the cloud file: what an operator wants, in YAML.
//
// [Load] and [Parse] read it strictly and return a [Cloud] with every default filled
// in, or [Errors], each with file, line and column and, where there is a way out, a
// hint. A Cloud that Parse has returned is consistent; what only AWS can know, such as
// whether a zone has an instance type, others reject with [Cloud.Reject], at its place
// in the file.
//
// The package calls nobody and changes nothing.
package cloud

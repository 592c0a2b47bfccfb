// SPDX-License-Identifier: Apache-2.0

// Package model has the few domain types that several packages share: a MAC, a node's role, the
// policy for Elastic IPs, a wait, a finding.
//
// They are values with their text form for files and JSON; the behaviour is in the packages that
// use them. The package imports nothing of the project.
package model

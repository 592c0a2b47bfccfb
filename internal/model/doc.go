// SPDX-License-Identifier: Apache-2.0

// Package model is the few words of the domain that several rooms say: a MAC, a
// node's role, where Elastic IPs come from, how long something waits, what cannot be
// had.
//
// They are values, with the text by which files and JSON have them; what is done
// about them is the rooms' own. The package imports nothing of the project.
package model

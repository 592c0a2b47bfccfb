// SPDX-License-Identifier: Apache-2.0

// Package systemd makes a machine's daemons run with the files that are on its disk.
//
// In go the names of units and, for each, when its files have changed last; [System.Ensure]
// starts those that are down and restarts those that were started before that, and
// [System.ReloadNetwork] has systemd-networkd reload its files. It is the rule of make: a
// daemon that read its files before they changed has to read them again.
//
// The package keeps no record of what a run has written: what counts is what the running
// daemon has not read, not what this run has changed. So a run can be killed anywhere, and
// the next one still knows what is left to do. It never stops a unit, and changes no file
// but the stamps of reloads.
package systemd

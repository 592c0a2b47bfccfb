// Package systemd makes a machine's daemons run with the files that are on its disk.
//
// It goes by the rule of make: what read its files before they came to be where they
// are reads them again. Whoever writes files keeps no record of what it has written
// for that, so it can be killed anywhere, and the next run still knows what is left to
// do: what counts is what the running unit has not seen, not what this run has changed.
package systemd

// Package machine runs the lab's instances: Debian booted by systemd-nspawn in
// a network namespace, on an overlay over an image.
package machine

// Package translate makes the frames of a bridge acceptable to a fabric that
// knows the MAC addresses of its NICs only, with two eBPF programs between bridge
// and NICs.
package translate

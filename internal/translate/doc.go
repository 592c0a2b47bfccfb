// Package translate makes the frames of a bridge acceptable to a fabric that
// knows one MAC address, with two eBPF programs between bridge and NIC.
package translate

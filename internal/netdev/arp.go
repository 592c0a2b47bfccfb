// SPDX-License-Identifier: Apache-2.0

package netdev

import (
	"bytes"
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"

	"macaw.example/internal/model"
)

// ARPRequest is a frame that asks all hosts for the MAC of an IPv4 address (RFC 826). The sender's address
// may be unspecified.
func ARPRequest(mac model.MAC, sender, target netip.Addr) []byte {
	f := bytes.Repeat([]byte{0xff}, 6)
	f = append(f, mac[:]...)
	for _, field := range []uint16{unix.ETH_P_ARP, 1, unix.ETH_P_IP, 6<<8 | 4, 1} {
		f = binary.BigEndian.AppendUint16(f, field)
	}
	f = append(append(f, mac[:]...), sender.AsSlice()...)
	return append(append(f, make([]byte, 6)...), target.AsSlice()...)
}

// SPDX-License-Identifier: Apache-2.0

package model

import (
	"fmt"
	"net"
)

// MAC is an Ethernet address; as text in colon notation.
type MAC [6]byte

// ParseMAC reads an Ethernet address in colon notation.
func ParseMAC(s string) (MAC, error) {
	hw, err := net.ParseMAC(s)
	if err != nil || len(hw) != 6 {
		return MAC{}, fmt.Errorf("%q is not an Ethernet address", s)
	}
	return MAC(hw), nil
}

// String returns the address in colon notation.
func (m MAC) String() string { return net.HardwareAddr(m[:]).String() }

// MarshalText returns the address in colon notation.
func (m MAC) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads an Ethernet address in colon notation.
func (m *MAC) UnmarshalText(text []byte) (err error) {
	*m, err = ParseMAC(string(text))
	return err
}

// SPDX-License-Identifier: Apache-2.0

package vpc

import "net"

// MAC is an Ethernet address as a comparable value.
type MAC [6]byte

// String returns the address in the usual colon notation.
func (m MAC) String() string { return net.HardwareAddr(m[:]).String() }

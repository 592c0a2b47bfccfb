// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"encoding/binary"
	"fmt"
)

// entrySet marks an entry of dense4 that is set.
const entrySet = 1

// minDenseBits bounds the range of dense4: a subnet is a /16 at most (VPC User Guide,
// subnet-sizing), half a MiB of entries.
const minDenseBits = 16

// denseSize is the number of addresses in dense4; 0 without a range.
func (c Config) denseSize() uint32 {
	if !c.Subnet.IsValid() || !c.Subnet.Addr().Is4() || c.Subnet.Bits() < minDenseBits {
		return 0
	}
	return 1 << (32 - c.Subnet.Bits())
}

// denseBase is the first of them as a number.
func (c Config) denseBase() uint32 {
	b := c.Subnet.Masked().Addr().As4()
	return binary.BigEndian.Uint32(b[:])
}

// setDense sets or clears an address's entry in dense4, if it is in the range. One octet
// says whether the entry is set, so that no program reads half of it.
func (t *Translator) setDense(e Entry, set bool) error {
	addr := e.Addr.Unmap()
	if t.dense4 == nil || t.cfg.denseSize() == 0 || !t.cfg.Subnet.Contains(addr) {
		return nil
	}
	value := t.value(e)
	if set {
		value.Flags = entrySet
	}
	b := addr.As4()
	if err := t.dense4.Put(binary.BigEndian.Uint32(b[:])-t.cfg.denseBase(), value); err != nil {
		return fmt.Errorf("translating %s: %w", addr, err)
	}
	return nil
}

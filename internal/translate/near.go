package translate

import (
	"encoding/binary"
	"fmt"
)

// entrySet marks an entry of near4 that holds something.
const entrySet = 1

// nearMost bounds the range of near4: a subnet is a /16 at most (VPC User Guide,
// subnet-sizing), half a MiB of entries.
const nearMost = 16

// nearSize is how many addresses near4 has room for; 0 without a range.
func (c Config) nearSize() uint32 {
	if !c.Subnet.IsValid() || !c.Subnet.Addr().Is4() || c.Subnet.Bits() < nearMost {
		return 0
	}
	return 1 << (32 - c.Subnet.Bits())
}

// nearBase is the first of them as a number.
func (c Config) nearBase() uint32 {
	b := c.Subnet.Masked().Addr().As4()
	return binary.BigEndian.Uint32(b[:])
}

// setNear writes an address's entry, if it is in the range, or takes it out: with
// one octet, so that nobody reads half an entry.
func (t *Translator) setNear(e Entry, set bool) error {
	addr := e.Addr.Unmap()
	if t.near4 == nil || t.cfg.nearSize() == 0 || !t.cfg.Subnet.Contains(addr) {
		return nil
	}
	value := t.value(e)
	if set {
		value.Flags = entrySet
	}
	b := addr.As4()
	if err := t.near4.Put(binary.BigEndian.Uint32(b[:])-t.cfg.nearBase(), value); err != nil {
		return fmt.Errorf("translating %s: %w", addr, err)
	}
	return nil
}

// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/cilium/ebpf"

	"macaw.example/internal/model"
)

// place is a block of addresses and where it belongs.
type place struct {
	block netip.Prefix
	where bpfPlace
}

// places returns where addresses without an entry belong. Of two places of one block the
// later counts.
func places(cfg Config, nics []nic) (all []place) {
	if len(cfg.Range) > 0 {
		all = append(all, place{netip.MustParsePrefix("::/0"), bpfPlacePLACE_ELSEWHERE})
	}
	for _, p := range cfg.VPC {
		all = append(all, place{p, bpfPlacePLACE_VPC})
	}
	for _, p := range cfg.Range {
		all = append(all, place{p, bpfPlacePLACE_NEUTRON})
	}
	for _, n := range nics {
		if n.primary.IsValid() {
			all = append(all, place{netip.PrefixFrom(n.primary, n.primary.BitLen()), bpfPlacePLACE_VPC})
		}
	}
	return all
}

// fillPlaces fills a new map of places.
func (t *Translator) fillPlaces(m *ebpf.Map) error {
	for _, p := range places(t.cfg, t.nics) {
		bits, addr := p.block.Bits(), p.block.Masked().Addr()
		if addr.Is4() {
			bits += 96
		}
		var key bpfBlock
		key.Bits = uint32(bits)
		key.Address = words(addr)
		if err := m.Put(key, uint32(p.where)); err != nil {
			return fmt.Errorf("setting the place of %s: %w", p.block, err)
		}
	}
	return nil
}

// words is an address as the programs represent it, IPv4 mapped into IPv6.
func words(addr netip.Addr) (a bpfAddress6) {
	octets := addr.As16()
	for i := range a.Be {
		a.Be[i] = binary.NativeEndian.Uint32(octets[4*i:])
	}
	return a
}

// Sharer is a MAC that may send from a translated address and announce it, besides the MAC
// of the address's entry: a guest that may become its holder (VRRP).
type Sharer struct {
	Addr netip.Addr
	MAC  model.MAC
}

// Share replaces the sharers.
func (t *Translator) Share(sharers []Sharer) error {
	wanted := make(map[bpfSender]Sharer, len(sharers))
	for _, s := range sharers {
		key := bpfSender{Address: words(s.Addr)}
		key.Mac.B = s.MAC
		wanted[key] = s
	}
	seen := make(map[bpfSender]bool)
	var key bpfSender
	var value uint8
	it := t.sharers.Iterate()
	for it.Next(&key, &value) {
		seen[key] = true
	}
	if err := it.Err(); err != nil {
		return fmt.Errorf("reading sharers of addresses: %w", err)
	}
	for key, s := range wanted {
		if seen[key] {
			continue
		}
		if err := t.sharers.Put(key, uint8(1)); err != nil {
			return fmt.Errorf("adding sharer %s of %s: %w", s.MAC, s.Addr, err)
		}
	}
	for key := range seen {
		if _, ok := wanted[key]; ok {
			continue
		}
		if err := ignoreGone(t.sharers.Delete(key)); err != nil {
			return fmt.Errorf("removing sharers of addresses: %w", err)
		}
	}
	return nil
}

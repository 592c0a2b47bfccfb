// SPDX-License-Identifier: Apache-2.0

package vpc

// move is an address that a new topology gives to another ENI of the same VPC.
type move struct {
	addr addr16
	to   string // ENI
}

// SetAnnounceMoves turns announcements of moved addresses on or off. Reports conflict on
// whether AWS makes them: in some, neighbours kept the old MAC for many minutes; in one,
// all neighbours had the new MAC within a second. Off is the stricter setting.
//
// An address is announced only if it moves from one ENI to another in a single change of
// topology.
func (f *Fabric) SetAnnounceMoves(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.announcing = on; !on {
		f.moves = nil
	}
}

// noteMoves compares two topologies. The caller holds the lock.
func (f *Fabric) noteMoves(before, after *tables) {
	if !f.announcing {
		return
	}
	for id, v := range after.nets {
		old := before.nets[id]
		if old == nil {
			continue
		}
		note := func(a addr16, n *nic) {
			if was := old.owners.of(a); was != nil && was.id != n.id {
				f.moves = append(f.moves, move{a, n.id})
			}
		}
		for a, n := range v.owners.v4 {
			note(mapped(a), n)
		}
		for a, n := range v.owners.v6 {
			note(a, n)
		}
	}
}

func (f *Fabric) takeMoves() []move {
	f.mu.Lock()
	defer f.mu.Unlock()
	moves := f.moves
	f.moves = nil
	return moves
}

// announce sends an address's new MAC to the other ENIs of the subnet, by gratuitous ARP
// (RFC 5227, section 3) or an unsolicited neighbour advertisement (RFC 4861, section
// 7.2.6).
func (ps *pass) announce(m move, flush func()) {
	owner := ps.tables.nics[m.to]
	if owner == nil || !owner.attached || !owner.owns(m.addr) {
		return // it has moved on
	}
	for _, n := range ps.tables.all {
		if n == owner || n.seg != owner.seg || !n.attached || n.down || n.nat != nil {
			continue
		}
		if m.addr.is4() {
			ps.deliver(n, ps.arpFrame(broadcastMAC, owner.mac, m.addr.v4(), m.addr.v4()))
		} else {
			ps.deliver(n, ps.advertisement(multicastMAC(allNodes), owner.mac, allNodes, m.addr, 0x20))
		}
		flush()
	}
}

// arpFrame makes an ARP request.
func (ps *pass) arpFrame(to, from MAC, sender, target addr4) []byte {
	b := ps.out.take(etherLen + arpLen)
	copy(b, to[:])
	copy(b[6:], from[:])
	put16(b[12:], etherARP)
	a := b[etherLen:]
	copy(a, arpHeader[:])
	put16(a[6:], arpRequest)
	copy(a[8:], from[:])
	putAddr(a[14:], sender)
	clear(a[18:24])
	putAddr(a[24:], target)
	return b
}

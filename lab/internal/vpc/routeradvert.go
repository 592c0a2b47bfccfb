// SPDX-License-Identifier: Apache-2.0

package vpc

import "encoding/binary"

// Contents of a router advertisement: addresses come by DHCPv6; the subnet's prefix is
// on-link but not autonomous (EC2 User Guide, using-instance-addressing: an IPv6 address is
// registered before it is used). AWS documents no more; the lifetimes are as observed on
// instances.
const (
	raManaged   = 0x80 // addresses by DHCPv6
	raOther     = 0x40 // other configuration by DHCPv6
	raOnLink    = 0x80 // flag of a prefix
	raHops      = 64   // hop limit for hosts
	raLifetime  = 1800 // seconds
	raPrefixFor = 1800 // seconds
)

// routerAdvertisement makes an advertisement of the subnet's router. It omits the MTU: DHCP
// announces it.
func (ps *pass) routerAdvertisement(n *nic, to MAC, dst addr16) []byte {
	b := ps.out.take(etherLen + 40 + 16 + 8 + 32)
	l4 := b[etherLen+40:]
	clear(l4)
	l4[0], l4[4], l4[5] = ndRouterAdvert, raHops, raManaged|raOther
	put16(l4[6:], raLifetime)
	o := l4[16:]
	o[0], o[1] = ndOptSource, 1
	copy(o[2:], n.seg.gatewayMAC[:])
	o = o[8:]
	o[0], o[1], o[2], o[3] = ndOptPrefix, 4, 64, raOnLink
	binary.BigEndian.PutUint32(o[4:], raPrefixFor)
	binary.BigEndian.PutUint32(o[8:], raPrefixFor)
	putAddr16(o[16:], n.seg.v6.base)
	finishND(b, to, n.seg.gatewayMAC, n.seg.router6, dst)
	return b
}

// SPDX-License-Identifier: Apache-2.0

package ec2

import "net/netip"

// A public address from AWS's pool: an instance has it from launch to stop, or until an
// Elastic IP replaces it (EC2 User Guide, using-instance-addressing, "Public IPv4
// addresses").

// publicOn returns the public address of a private one, and its Elastic IP record if it
// is one. The address is invalid if there is none.
func (t *tx) publicOn(e *eniRecord, private netip.Addr) (netip.Addr, *addressRecord) {
	if a := t.addressOn(e.ID, private); a != nil {
		return a.Public, a
	}
	if private == e.primary() {
		return e.Public, nil
	}
	return netip.Addr{}, nil
}

// hasPublic reports whether an interface has any public address.
func (t *tx) hasPublic(e *eniRecord) bool {
	for _, a := range t.Addresses {
		if a.ENI == e.ID {
			return true
		}
	}
	return e.Public.IsValid()
}

// mapPublic gives an instance's only interface a public address, if it has MapPublic
// and no Elastic IP. An instance with several interfaces gets none (EC2 User Guide,
// elastic-ip-addresses-eip).
func (t *tx) mapPublic(i *instanceRecord) error {
	enis := t.enisOf(i.ID)
	if len(enis) != 1 || !enis[0].MapPublic || enis[0].Public.IsValid() ||
		t.addressOn(enis[0].ID, enis[0].primary()) != nil {
		return nil
	}
	public, err := t.freePublic("")
	if err != nil {
		return err
	}
	enis[0].Public = public
	return nil
}

// unmapPublic removes an instance's public addresses.
func (t *tx) unmapPublic(i *instanceRecord) {
	for _, e := range t.enisOf(i.ID) {
		e.Public = netip.Addr{}
	}
}

// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"bytes"
	"net/netip"
	"slices"

	"macaw.example/internal/model"
	"macaw.example/internal/registrar"
	"macaw.example/internal/translate"
)

// eni is one of this node's provider ENIs.
type eni struct {
	MAC     model.MAC  `json:"mac"`
	Primary netip.Addr `json:"primary"`
}

// enisOf reads what AWS says of this node's provider ENIs. The first of the
// configuration is always among them, and first.
func enisOf(c Config, seen []registrar.ENI) []eni {
	all := []eni{{c.NICMAC, c.Primary}}
	for _, s := range seen {
		mac, err := model.ParseMAC(s.MAC)
		if err != nil || s.Instance == "" {
			continue
		}
		if !slices.ContainsFunc(all, func(e eni) bool { return e.MAC == mac }) {
			all = append(all, eni{mac, s.Primary})
		}
	}
	return all
}

// registeredOn returns the ENI of each address on ENIs: those that Neutron has not
// allocated are there too, so that they need not wait for AWS when it does.
func registeredOn(seen []registrar.ENI) map[netip.Addr]model.MAC {
	on := make(map[netip.Addr]model.MAC)
	for _, s := range seen {
		mac, err := model.ParseMAC(s.MAC)
		if err != nil {
			continue
		}
		for _, a := range s.Addresses {
			on[a] = mac
		}
		for _, a := range s.IPv6 {
			on[a] = mac
		}
	}
	return on
}

// mergeENIs adds to the ENIs that AWS shows those whose interfaces this machine still
// has: AWS may show an older state, and the machine knows better.
func (a *agent) mergeENIs(shown []eni) []eni {
	for _, e := range a.enis {
		if !slices.Contains(shown, e) && a.hasInterface(e) {
			shown = append(shown, e)
		}
	}
	slices.SortFunc(shown[1:], func(a, b eni) int { return bytes.Compare(a.MAC[:], b.MAC[:]) })
	return shown
}

// findNICs returns the interfaces of ENIs on this machine, and the ENIs whose interface is
// missing: attaching one takes AWS seconds. The error is for a machine that has none.
func (a *agent) findNICs(enis []eni) (nics []translate.NIC, missing []eni, err error) {
	for _, e := range enis {
		name, notFound := a.kernel.findNIC(e.MAC)
		if notFound != nil {
			missing = append(missing, e)
			err = notFound
			continue
		}
		nics = append(nics, translate.NIC{Name: name, Primary: e.Primary})
	}
	if len(nics) > 0 {
		err = nil
	}
	return nics, missing, err
}

// hasInterface tells whether this machine has an ENI's interface.
func (a *agent) hasInterface(e eni) bool {
	_, err := a.kernel.findNIC(e.MAC)
	return err == nil
}

// mergeRegistered returns what AWS shows, and what was known before of ENIs that AWS does
// not show although this machine has them.
func (a *agent) mergeRegistered(shown []registrar.ENI) map[netip.Addr]model.MAC {
	on := registeredOn(shown)
	missing := make(map[model.MAC]bool)
	for _, e := range a.enis {
		isShown := slices.ContainsFunc(shown, func(s registrar.ENI) bool { return s.MAC == e.MAC.String() })
		missing[e.MAC] = !isShown && a.hasInterface(e)
	}
	for addr, mac := range a.registered {
		if _, ok := on[addr]; !ok && missing[mac] {
			on[addr] = mac
		}
	}
	return on
}

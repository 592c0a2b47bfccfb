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

// registeredOn returns the ENI of each of their addresses: those that Neutron has
// not given out are there too, so that they need not wait for AWS when it does.
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

// present adds to the ENIs that AWS shows those whose interfaces this machine still
// has: AWS may show an older state, and the machine is the one that knows.
func (a *agent) present(shown []eni) []eni {
	for _, e := range a.enis {
		if !slices.Contains(shown, e) && a.has(e) {
			shown = append(shown, e)
		}
	}
	slices.SortFunc(shown[1:], func(a, b eni) int { return bytes.Compare(a.MAC[:], b.MAC[:]) })
	return shown
}

// find returns the interfaces of the ENIs that this machine has by now, and
// those ENIs that it does not have: attaching one takes AWS seconds.
func (a *agent) find(enis []eni) (nics []translate.NIC, missing []eni, err error) {
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

// has says whether this machine has an ENI's interface.
func (a *agent) has(e eni) bool {
	_, err := a.kernel.findNIC(e.MAC)
	return err == nil
}

// stillRegistered returns what AWS shows, and what was known before of ENIs that it
// does not show though this machine has them.
func (a *agent) stillRegistered(shown []registrar.ENI) map[netip.Addr]model.MAC {
	on := registeredOn(shown)
	lost := slices.DeleteFunc(slices.Clone(a.enis), func(e eni) bool {
		return slices.ContainsFunc(shown, func(s registrar.ENI) bool { return s.MAC == e.MAC.String() }) || !a.has(e)
	})
	for addr, mac := range a.registered {
		if _, is := on[addr]; !is && slices.ContainsFunc(lost, func(e eni) bool { return e.MAC == mac }) {
			on[addr] = mac
		}
	}
	return on
}

// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"fmt"
	"net"
	"net/netip"
	"slices"

	"macaw.example/internal/model"
	"macaw.example/internal/neutron"
	"macaw.example/internal/registrar"
	"macaw.example/internal/translate"
)

// here tells whether an address's traffic goes through this node: Neutron says where its
// port is bound. One that is bound nowhere is for the first gateway: a floating IP that
// waits for a guest has its Elastic IP already, and a single gateway has everything.
func (c Config) here(a neutron.Address) bool {
	if a.Host != "" {
		return a.Host == c.Node
	}
	return c.Gateways[0] == c.Node && (len(c.Gateways) == 1 || a.Kind == neutron.KindFloating)
}

// wants returns what AWS is to have registered: every address of the cloud, since an
// address that is absent counts as released.
func wants(c Config, addresses []neutron.Address) []registrar.Want {
	all := make([]registrar.Want, 0, len(addresses))
	for _, a := range addresses {
		w := registrar.Want{Addr: a.Addr, Owner: a.Owner(), Here: c.here(a)}
		w.Policy, _ = policy(c, a)
		if a.Kind == neutron.KindFloating {
			w.FloatingIP = a.ID
		}
		all = append(all, w)
	}
	return all
}

// Findings about the policies that floating IPs ask for.
const (
	unknownPolicy model.Code = "unknown-policy"
	notGranted    model.Code = "policy-not-granted"
)

// hints are what helps, for each of them.
var hints = map[model.Code]string{
	unknownPolicy: "until the tag is corrected the floating IP is treated as all others: " +
		"openstack floating ip unset --tag, then set --tag",
	notGranted: "remove the tag, or change provider.elasticIPs or provider.pool in the cloud file and run macaw up",
}

// policy is the one that a floating IP's tag asks for, empty for the cloud's. A tag with
// an unknown policy, or one that the operator does not grant, is ignored, and the finding
// says so. None is always granted, and a pool where the cloud file has one.
func policy(c Config, a neutron.Address) (model.ElasticIPPolicy, *model.Finding) {
	if a.Kind != neutron.KindFloating {
		return "", nil
	}
	asked, ok, err := neutron.PolicyOf(a.Tags)
	switch {
	case err != nil:
		return "", &model.Finding{Addr: a.Addr, Code: unknownPolicy, Text: err.Error(), Hint: hints[unknownPolicy]}
	case !ok, asked == c.Policy:
		return "", nil
	case asked == model.ElasticIPsNone, asked == model.ElasticIPsPool && len(c.Pool) > 0:
		return asked, nil
	}
	return "", &model.Finding{
		Addr: a.Addr, Code: notGranted, Hint: hints[notGranted],
		Text: fmt.Sprintf("floating IP %s asks for an Elastic IP by policy %s, and the cloud has %s", a.Addr, asked,
			c.Policy),
	}
}

// policyFindings are about the floating IPs of this node whose policy is ignored.
func policyFindings(c Config, addresses []neutron.Address) (all []model.Finding) {
	for _, a := range addresses {
		if _, f := policy(c, a); f != nil && c.here(a) {
			all = append(all, *f)
		}
	}
	return all
}

// plan returns the entries that the translation should have, and the addresses that are
// used here although AWS has not registered them: the fabric would drop their frames, so
// they are not translated. registered has the ENI of each address, and observed the MAC
// that uses it by what the data plane has shown.
func plan(c Config, addresses []neutron.Address, registered, observed map[netip.Addr]model.MAC) (
	entries []translate.Entry, refused []neutron.Address,
) {
	entries = []translate.Entry{} // not nil: that there is none is an answer too
	for _, a := range addresses {
		eni, ok := registered[a.Addr]
		if router, seen := observed[a.Addr]; seen && a.Kind == neutron.KindFloating && !a.Active {
			if ok {
				entries = append(entries, translate.Entry{Addr: a.Addr, MAC: router, ENI: eni})
			}
			continue
		}
		mac, used := currentMAC(a, observed)
		switch {
		case !used || !c.here(a):
		case !ok:
			refused = append(refused, a)
		default:
			entries = append(entries, translate.Entry{Addr: a.Addr, MAC: mac, ENI: eni})
		}
	}
	return entries, refused
}

// withMissing returns entries with those of others whose address has none.
func withMissing(entries, others []translate.Entry) []translate.Entry {
	has := make(map[netip.Addr]bool)
	for _, e := range entries {
		has[e.Addr] = true
	}
	for _, e := range others {
		if !has[e.Addr] {
			entries = append(entries, e)
		}
	}
	return entries
}

// currentMAC returns the MAC that an address's frames have now; false if there are no
// frames from it. That of a reserved address is the one that announced it last, of those
// that may use it.
func currentMAC(a neutron.Address, observed map[netip.Addr]model.MAC) (mac model.MAC, ok bool) {
	if len(a.Claimants) > 0 {
		mac, ok = observed[a.Addr]
		return mac, ok && a.Active && mayUse(a, mac)
	}
	if !a.Active || len(a.MAC) != len(mac) {
		return mac, false
	}
	return model.MAC(a.MAC), true
}

// mayUse tells whether a MAC may use a reserved address.
func mayUse(a neutron.Address, mac model.MAC) bool {
	return slices.ContainsFunc(a.Claimants, func(m net.HardwareAddr) bool { return string(m) == string(mac[:]) })
}

// sharers are all MACs that may send from the reserved addresses of this node. Which of
// them has one now is for them to announce.
func sharers(c Config, addresses []neutron.Address) (all []translate.Sharer) {
	for _, a := range addresses {
		if !a.Active || !c.here(a) {
			continue
		}
		for _, m := range a.Claimants {
			if len(m) == len(model.MAC{}) {
				all = append(all, translate.Sharer{Addr: a.Addr, MAC: model.MAC(m)})
			}
		}
	}
	return all
}

// stillObserved is what the data plane has shown that is still true by Neutron's answer:
// which of the MACs that may use a reserved address has announced it, also if it was not
// known then that it may. Of all other addresses Neutron knows better.
func stillObserved(
	addresses []neutron.Address, observed map[netip.Addr]model.MAC, p pendingAddresses,
) map[netip.Addr]model.MAC {
	still := make(map[netip.Addr]model.MAC)
	for _, a := range addresses {
		if mac, ok := observed[a.Addr]; ok && mayUse(a, mac) {
			still[a.Addr] = mac
		}
		if mac, ok := p.announced(a); ok {
			still[a.Addr] = mac
		}
	}
	return still
}

// fromClaimant tells whether a frame is from a MAC that may use the reserved address that
// it speaks for. It may by Neutron's last answer, and no other is needed.
func fromClaimant(addresses []neutron.Address, e translate.Event) bool {
	return slices.ContainsFunc(addresses, func(a neutron.Address) bool {
		return a.Addr == e.Addr && mayUse(a, e.MAC)
	})
}

// trusted tells whether a frame is trusted until Neutron has confirmed it: a router that
// Neutron has here speaks for a floating IP that is allocated, and that waited for a guest
// the last time. Nothing is claimed in AWS by that: the address was registered before.
func trusted(c Config, addresses []neutron.Address, e translate.Event) bool {
	waiting, fromRouter := false, false
	for _, a := range addresses {
		switch {
		case a.Kind == neutron.KindFloating && !a.Active:
			waiting = waiting || a.Addr == e.Addr
		case a.Kind == neutron.KindRouter && a.Active:
			fromRouter = fromRouter || string(a.MAC) == string(e.MAC[:]) && c.here(a)
		}
	}
	return waiting && fromRouter
}

// floatingIPStatus is what the tags of a floating IP are to say.
type floatingIPStatus struct {
	address neutron.Address
	public  netip.Addr // invalid if it has none
	problem string     // a finding's code, or empty
}

// floatingIPStatuses returns the statuses of the floating IPs of this node. result is
// that of reconciling these very addresses.
func floatingIPStatuses(c Config, addresses []neutron.Address, result registrar.Result) []floatingIPStatus {
	problems := make(map[netip.Addr]string)
	for _, f := range findings(c, addresses, result) {
		if problems[f.Addr] == "" {
			problems[f.Addr] = string(f.Code)
		}
	}
	var all []floatingIPStatus
	for _, a := range addresses {
		if a.Kind == neutron.KindFloating && c.here(a) {
			all = append(all, floatingIPStatus{a, result.Registered[a.Addr].Public, problems[a.Addr]})
		}
	}
	return all
}

// findings are all: those of AWS, and those about policies.
func findings(c Config, addresses []neutron.Address, result registrar.Result) (all []model.Finding) {
	return append(slices.Clone(result.Findings), policyFindings(c, addresses)...)
}

// onlyInRange returns the entries of the cloud's addresses: another process, or an older
// configuration, may have left more.
func onlyInRange(c Config, entries []translate.Entry) []translate.Entry {
	return slices.DeleteFunc(slices.Clone(entries), func(e translate.Entry) bool { return !c.inRange(e.Addr) })
}

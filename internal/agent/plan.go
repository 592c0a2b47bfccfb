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

// here says whether an address's traffic goes through this node: Neutron says
// where its port is bound. What is bound nowhere is for the first gateway: a
// floating IP that waits for a guest has its Elastic IP already, and of a single
// gateway there is no doubt.
func (c Config) here(a neutron.Address) bool {
	if a.Host != "" {
		return a.Host == c.Node
	}
	return c.Gateways[0] == c.Node && (len(c.Gateways) == 1 || a.Kind == neutron.KindFloating)
}

// wants returns what AWS shall know, and how: every address of the cloud, since
// what is missing counts as let go.
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

// What floating IPs wish that they do not get.
const (
	unknownPolicy model.Code = "unknown-policy"
	notGranted    model.Code = "policy-not-granted"
)

// hints say what helps, for each of them.
var hints = map[model.Code]string{
	unknownPolicy: "until the tag is corrected the floating IP is treated as all others: " +
		"openstack floating ip unset --tag, then set --tag",
	notGranted: "take the tag off, or change provider.elasticIPs or provider.pool in the cloud file and run macaw up",
}

// policy is the one that a floating IP's tag asks for, empty for the cloud's. A tag
// that says nothing sensible, or asks for what the operator does not grant, is
// ignored, and the finding says so. None is granted always, and a pool where the
// cloud file has one.
func policy(c Config, a neutron.Address) (model.ElasticIPs, *model.Finding) {
	if a.Kind != neutron.KindFloating {
		return "", nil
	}
	text, ok, err := neutron.PolicyOf(a.Tags)
	asked := model.ElasticIPs(text)
	switch {
	case err != nil:
		return "", &model.Finding{Addr: a.Addr, Code: unknownPolicy, Text: err.Error(), Hint: hints[unknownPolicy]}
	case !ok, asked == c.Policy:
		return "", nil
	case asked == model.ElasticIPsNone, asked == model.ElasticIPsPool && len(c.Pool) > 0:
		return asked, nil
	}
	return "", &model.Finding{Addr: a.Addr, Code: notGranted, Text: fmt.Sprintf("floating IP %s asks for an Elastic IP by policy %s, and the cloud has %s", a.Addr, asked, c.Policy),
		Hint: hints[notGranted]}
}

// wishes returns what the floating IPs of this node ask for in vain.
func wishes(c Config, addresses []neutron.Address) (all []model.Finding) {
	for _, a := range addresses {
		if _, f := policy(c, a); f != nil && c.here(a) {
			all = append(all, *f)
		}
	}
	return all
}

// plan returns the entries that the translation should have, and the addresses
// that are used here although AWS does not know them: their frames would be
// dropped by the fabric, so nothing translates them. registered has the ENI of
// each address, and said who the data plane has heard speak for it.
func plan(c Config, addresses []neutron.Address, registered, said map[netip.Addr]model.MAC) (entries []translate.Entry, refused []neutron.Address) {
	entries = []translate.Entry{} // none is an answer too
	for _, a := range addresses {
		if router, is := said[a.Addr]; is && a.Kind == neutron.KindFloating && !a.Active {
			if eni, is := registered[a.Addr]; is {
				entries = append(entries, translate.Entry{Addr: a.Addr, MAC: router, ENI: eni})
			}
			continue
		}
		mac, ok := user(a, said)
		if !ok || !c.here(a) {
			continue
		}
		eni, is := registered[a.Addr]
		if !is {
			refused = append(refused, a)
			continue
		}
		entries = append(entries, translate.Entry{Addr: a.Addr, MAC: mac, ENI: eni})
	}
	return entries, refused
}

// user returns the MAC that an address's frames carry now; false if nobody sends
// from it. A reserved address is whose announcement was heard last, of those that
// may use it.
func user(a neutron.Address, said map[netip.Addr]model.MAC) (mac model.MAC, ok bool) {
	if len(a.Claimants) > 0 {
		mac, ok = said[a.Addr]
		return mac, ok && a.Active && mayHave(a, mac)
	}
	if !a.Active || len(a.MAC) != len(mac) {
		return mac, false
	}
	return model.MAC(a.MAC), true
}

// mayHave says whether a MAC may use a reserved address.
func mayHave(a neutron.Address, mac model.MAC) bool {
	return slices.ContainsFunc(a.Claimants, func(m net.HardwareAddr) bool { return string(m) == string(mac[:]) })
}

// sharers are all who may send from the reserved addresses of this node: which of
// them has one now is theirs to say.
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

// stillSaid is what the data plane has said that Neutron's answer leaves as true as
// it was: who of those that may use a reserved address has announced it, also if it
// was not known then that he may. Of all other addresses Neutron knows better.
func stillSaid(addresses []neutron.Address, said map[netip.Addr]model.MAC, d doubts) map[netip.Addr]model.MAC {
	still := make(map[netip.Addr]model.MAC)
	for _, a := range addresses {
		if mac, ok := said[a.Addr]; ok && mayHave(a, mac) {
			still[a.Addr] = mac
		}
		if mac, ok := d.announced(a); ok {
			still[a.Addr] = mac
		}
	}
	return still
}

// claimed says whether a frame is from one who may use the reserved address that it
// speaks for. That is so by Neutron's last answer, and needs no other.
func claimed(addresses []neutron.Address, e translate.Event) bool {
	return slices.ContainsFunc(addresses, func(a neutron.Address) bool {
		return a.Addr == e.Addr && mayHave(a, e.MAC)
	})
}

// believable says whether a frame may be believed until Neutron has confirmed it: a
// router that Neutron has here speaks for a floating IP that Neutron has given out,
// and that waited for a guest the last time. Nothing is claimed by that: AWS has
// registered the address before.
func believable(c Config, addresses []neutron.Address, e translate.Event) bool {
	idle, router := false, false
	for _, a := range addresses {
		idle = idle || a.Addr == e.Addr && a.Kind == neutron.KindFloating && !a.Active
		router = router || a.Kind == neutron.KindRouter && a.Active && string(a.MAC) == string(e.MAC[:]) && c.here(a)
	}
	return idle && router
}

// note is what a floating IP shall say of itself.
type note struct {
	address neutron.Address
	public  netip.Addr // invalid if it has none
	problem string     // a finding's code, or empty
}

// notes returns what the floating IPs of this node shall say. result is what
// came of reconciling these very addresses.
func notes(c Config, addresses []neutron.Address, result registrar.Result) []note {
	problems := make(map[netip.Addr]string)
	for _, f := range findings(c, addresses, result) {
		if problems[f.Addr] == "" {
			problems[f.Addr] = string(f.Code)
		}
	}
	var all []note
	for _, a := range addresses {
		if a.Kind != neutron.KindFloating || !c.here(a) {
			continue
		}
		all = append(all, note{a, result.Registered[a.Addr].Public, problems[a.Addr]})
	}
	return all
}

// findings are all that cannot be had: of AWS, and of the operator.
func findings(c Config, addresses []neutron.Address, result registrar.Result) (all []model.Finding) {
	return append(slices.Clone(result.Findings), wishes(c, addresses)...)
}

// onlyInRange returns the entries that may stay: another process, or an older
// configuration, may have left more.
func onlyInRange(c Config, entries []translate.Entry) []translate.Entry {
	return slices.DeleteFunc(slices.Clone(entries), func(e translate.Entry) bool { return !c.inRange(e.Addr) })
}

package gateway

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"macaw/internal/neutron"
	"macaw/internal/registrar"
	"macaw/internal/translate"
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
		w := registrar.Want{Addr: a.Addr, Owner: owner(a), Here: c.here(a)}
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
	unknownPolicy registrar.Code = "unknown-policy"
	notGranted    registrar.Code = "policy-not-granted"
)

// policy is the one that a floating IP's tag asks for, empty for the cloud's. A tag
// that says nothing sensible, or asks for what the operator does not grant, is
// ignored, and the finding says so. None is granted always, and a pool where the
// cloud file has one.
func policy(c Config, a neutron.Address) (registrar.Policy, *Finding) {
	if a.Kind != neutron.KindFloating {
		return "", nil
	}
	text, ok, err := neutron.PolicyOf(a.Tags)
	asked := registrar.Policy(text)
	switch {
	case err != nil:
		return "", &Finding{a.Addr, unknownPolicy, err.Error(), "correct the floating IP's tag; it is treated as all others"}
	case !ok, asked == c.Policy:
		return "", nil
	case asked == registrar.None, asked == registrar.Pool && len(c.Pool) > 0:
		return asked, nil
	}
	return "", &Finding{a.Addr, notGranted, fmt.Sprintf("floating IP %s asks for an Elastic IP by policy %s, and the cloud has %s", a.Addr, asked, c.Policy),
		"take the tag off, or change provider.elasticIPs or provider.pool in the cloud file"}
}

// wishes returns what the floating IPs of this node ask for in vain.
func wishes(c Config, addresses []neutron.Address) (all []Finding) {
	for _, a := range addresses {
		if _, f := policy(c, a); f != nil && c.here(a) {
			all = append(all, *f)
		}
	}
	return all
}

// owner is who has an address, for people.
func owner(a neutron.Address) string {
	switch a.Kind {
	case neutron.KindRouter:
		return "router " + a.Router
	case neutron.KindFloating:
		return "floating IP " + a.ID
	}
	return fmt.Sprintf("port %s", a.ID)
}

// plan returns the entries that the translation should have, and the addresses
// that are used here although AWS does not know them: their frames would be
// dropped by the fabric, so nothing translates them. registered has the ENI of
// each address, and said the routers that the data plane has heard since.
func plan(c Config, addresses []neutron.Address, registered, said map[netip.Addr]translate.MAC) (entries []translate.Entry, refused []neutron.Address) {
	entries = []translate.Entry{} // none is an answer too
	for _, a := range addresses {
		if router, is := said[a.Addr]; is && a.Kind == neutron.KindFloating && !a.Active {
			if eni, is := registered[a.Addr]; is {
				entries = append(entries, translate.Entry{Addr: a.Addr, MAC: router, ENI: eni})
			}
			continue
		}
		if !a.Active || len(a.MAC) != len(translate.MAC{}) || !c.here(a) {
			continue
		}
		eni, is := registered[a.Addr]
		if !is {
			refused = append(refused, a)
			continue
		}
		entries = append(entries, translate.Entry{Addr: a.Addr, MAC: translate.MAC(a.MAC), ENI: eni})
	}
	return entries, refused
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
func findings(c Config, addresses []neutron.Address, result registrar.Result) (all []Finding) {
	for _, f := range result.Findings {
		all = append(all, Finding(f))
	}
	return append(all, wishes(c, addresses)...)
}

// onlyInRange returns the entries that may stay: another process, or an older
// configuration, may have left more.
func onlyInRange(c Config, entries []translate.Entry) []translate.Entry {
	return slices.DeleteFunc(slices.Clone(entries), func(e translate.Entry) bool { return !c.inRange(e.Addr) })
}

// doubts are addresses that a frame raised and that are not translated yet.
type doubts map[netip.Addr]doubt

type doubt struct {
	mac    translate.MAC
	raised time.Time
	asked  int  // how often Neutron was asked since
	known  bool // Neutron knows, and that it is here: what is missing is AWS
}

const (
	// doubtTries is how often Neutron is asked for the sake of one address: the
	// frame may be faster than its database. At intervals that double from one
	// second that is 15 s; then the poll takes over.
	doubtTries = 5
	// doubtRest is how long the same address and MAC raise no new doubt: a
	// machine that uses an address of its own choice goes on sending.
	doubtRest = time.Minute
)

// raise notes an event. False: there is nothing to ask.
func (d doubts) raise(c Config, e translate.Event, now time.Time) bool {
	if !c.inRange(e.Addr) {
		return false
	}
	if old, ok := d[e.Addr]; ok && old.mac == e.MAC && now.Sub(old.raised) < doubtRest {
		return false
	}
	d[e.Addr] = doubt{mac: e.MAC, raised: now}
	return true
}

// ask counts a question whose answer was addresses. It returns how often the
// least asked of the doubts that are worth another question was asked; 0: none
// is.
func (d doubts) ask(c Config, addresses []neutron.Address, now time.Time) int {
	for _, a := range addresses {
		if doubt, is := d[a.Addr]; is && a.Active && c.here(a) && string(a.MAC) == string(doubt.mac[:]) {
			doubt.known = true
			d[a.Addr] = doubt
		}
	}
	least := 0
	for addr, doubt := range d {
		if now.Sub(doubt.raised) >= doubtRest {
			delete(d, addr) // another frame raises it again
			continue
		}
		if doubt.known {
			continue
		}
		doubt.asked++
		d[addr] = doubt
		if doubt.asked < doubtTries && (least == 0 || doubt.asked < least) {
			least = doubt.asked
		}
	}
	return least
}

// settle forgets what is translated by now: the next time is a new doubt.
func (d doubts) settle(entries []translate.Entry) {
	for _, e := range entries {
		if doubt, is := d[e.Addr]; is && doubt.mac == e.MAC {
			delete(d, e.Addr)
		}
	}
}

package agent

import (
	"net"
	"net/netip"
	"slices"
	"time"

	"macaw.example/internal/model"
	"macaw.example/internal/neutron"
	"macaw.example/internal/translate"
)

// doubts are what frames said that the translation does not know: that somebody has
// an address. Neutron is asked for their sake.
type doubts struct {
	open     map[saying]doubt
	suspects map[source]suspect
}

// saying is that a MAC has an address.
type saying struct {
	addr netip.Addr
	mac  model.MAC
}

type doubt struct {
	from   source
	raised time.Time
	asked  int  // how often Neutron was asked since
	known  bool // Neutron knows, and that it is here: what is missing is AWS
}

// source is whose frames raised a doubt. A router's guests send from whatever
// address they like under its MAC, but neither ARP nor neighbour discovery: so what
// it announces is worth more than what goes through it. MACs that Neutron does not
// know are one source, however many somebody invents.
type source struct {
	mac  model.MAC
	data bool
}

// suspect is a source whose doubts were of no use.
type suspect struct {
	strikes int       // how often in a row
	last    time.Time // of these
	next    time.Time // when it may raise another doubt
}

const (
	// doubtTries is how often Neutron is asked for the sake of one address: the
	// frame may be faster than its database. At intervals that double from one
	// second that is 15 s; then the poll takes over.
	doubtTries = 5
	// doubtRest is how long the same address and MAC raise no new doubt: a
	// machine that uses an address of its own choice goes on sending.
	doubtRest = time.Minute
	// suspectRest is how long it is remembered that a source's doubts were of no
	// use. Till then each is worth one question, and the next has to wait for twice
	// as long, from two seconds up to suspectMost.
	suspectRest = 10 * time.Minute
	suspectMost = time.Minute
)

func newDoubts() doubts {
	return doubts{open: make(map[saying]doubt), suspects: make(map[source]suspect)}
}

// sourceOf returns whose frame an event tells of, by Neutron's last answer.
func sourceOf(addresses []neutron.Address, e translate.Event) source {
	s := source{data: e.Reason.Data()}
	known := slices.ContainsFunc(addresses, func(a neutron.Address) bool {
		return string(a.MAC) == string(e.MAC[:]) || mayHave(a, e.MAC)
	})
	if known {
		s.mac = e.MAC
	}
	return s
}

// raise notes an event. False: there is nothing to ask.
func (d doubts) raise(c Config, addresses []neutron.Address, e translate.Event, now time.Time) bool {
	if !c.inRange(e.Addr) {
		return false
	}
	said := saying{e.Addr, e.MAC}
	if old, ok := d.open[said]; ok && now.Sub(old.raised) < doubtRest {
		return false
	}
	from := sourceOf(addresses, e)
	if s, ok := d.suspects[from]; ok {
		if now.Before(s.next) {
			return false
		}
		s.next = now.Add(backoff(2*time.Second, s.strikes-1, suspectMost))
		d.suspects[from] = s
	}
	d.open[said] = doubt{from: from, raised: now}
	return true
}

// ask counts a question whose answer was addresses. It returns how often the
// least asked of the doubts that are worth another question was asked; 0: none
// is.
func (d doubts) ask(c Config, addresses []neutron.Address, now time.Time) int {
	for _, a := range addresses {
		if !a.Active || !c.here(a) {
			continue
		}
		d.confirm(a.Addr, a.MAC)
		for _, mac := range a.Claimants {
			d.confirm(a.Addr, mac)
		}
	}
	for from, s := range d.suspects {
		if now.Sub(s.last) >= suspectRest {
			delete(d.suspects, from)
		}
	}
	least := 0
	useless := make(map[source]bool)
	for said, doubt := range d.open {
		if now.Sub(doubt.raised) >= doubtRest {
			delete(d.open, said) // another frame raises it again
			continue
		}
		if doubt.known {
			continue
		}
		doubt.asked++
		d.open[said] = doubt
		tries := doubtTries
		if _, ok := d.suspects[doubt.from]; ok {
			tries = 1
		}
		switch {
		case doubt.asked == tries:
			useless[doubt.from] = true
		case doubt.asked < tries && (least == 0 || doubt.asked < least):
			least = doubt.asked
		}
	}
	for from := range useless {
		s := d.suspects[from]
		s.strikes, s.last = s.strikes+1, now
		s.next = later(s.next, now.Add(backoff(2*time.Second, s.strikes-1, suspectMost)))
		d.suspects[from] = s
	}
	return least
}

// confirm notes that Neutron says the same. Its source is none to suspect.
func (d doubts) confirm(addr netip.Addr, mac net.HardwareAddr) {
	if len(mac) != len(model.MAC{}) {
		return
	}
	said := saying{addr, model.MAC(mac)}
	if doubt, ok := d.open[said]; ok && !doubt.known {
		doubt.known = true
		d.open[said] = doubt
		delete(d.suspects, doubt.from)
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// announced returns who was the last to announce a reserved address, of those who
// may have it and whom Neutron had not named till now.
func (d doubts) announced(a neutron.Address) (mac model.MAC, ok bool) {
	var last time.Time
	for _, m := range a.Claimants {
		if len(m) != len(mac) {
			continue
		}
		doubt, is := d.open[saying{a.Addr, model.MAC(m)}]
		if is && !doubt.known && !doubt.from.data && !doubt.raised.Before(last) {
			mac, ok, last = model.MAC(m), true, doubt.raised
		}
	}
	return mac, ok
}

// since returns when the doubt was raised that an entry settles.
func (d doubts) since(e translate.Entry) (time.Time, bool) {
	doubt, ok := d.open[saying{e.Addr, e.MAC}]
	return doubt.raised, ok
}

// settle forgets what is translated by now: the next time is a new doubt.
func (d doubts) settle(entries []translate.Entry) {
	for _, e := range entries {
		delete(d.open, saying{e.Addr, e.MAC})
	}
}

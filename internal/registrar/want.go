package registrar

import (
	"net/netip"
	"slices"
	"time"

	"macaw.example/internal/model"
)

// Want is an address that Neutron has given out on an external network.
type Want struct {
	Addr netip.Addr
	// Policy is empty for the cloud's. IPv6 addresses have no Elastic IP.
	Policy model.ElasticIPs
	// Owner is who has it, for people: such as "router 3f2c...".
	Owner string
	// FloatingIP is the ID of Neutron's floating IP, or empty.
	FloatingIP string
	// Here says that the address's traffic goes through this node. An address
	// that is elsewhere, or nowhere at the moment, is left as it is.
	Here bool
}

// Config is what a Registrar works on. What comes after Pool may be left out.
type Config struct {
	Cloud        string // name, as in the tag macaw:cloud
	Node         string // this node's name, as in the tag macaw:part
	Instance     string // this node's instance: i-...
	InstanceType string // such as m8i.2xlarge; what it carries is asked of AWS
	Subnet       string // the provider subnet: subnet-...
	// Range holds the cloud's addresses, of both families. No other address is
	// ever assigned or unassigned.
	Range  []netip.Prefix
	Policy model.ElasticIPs // the cloud's
	Pool   []string         // allocation IDs of policy Pool
	// Grace is how long after Neutron has let go something is unassigned or
	// released; a minute unless given.
	Grace time.Duration
	// ReleaseAfter is how long many releases at once wait, unless an operator agrees
	// before; zero: they do not wait. See hold.
	ReleaseAfter model.Wait
	// Held is what the process before has noted down as held, nil if that is not known.
	// Keep notes down what is held, whenever it changes and before anything is released;
	// an error is its own to tell.
	Held []model.Held
	Keep func([]model.Held) error
	// Turn is how long Reconcile goes on beginning writes, so that newer wishes
	// do not wait for hundreds of older ones; 8 s unless given.
	Turn     time.Duration
	Observer Observer
}

func (c Config) withDefaults() Config {
	if c.Grace == 0 {
		c.Grace = time.Minute
	}
	if c.Turn == 0 {
		c.Turn = 8 * time.Second
	}
	if c.Keep == nil {
		c.Keep = func([]model.Held) error { return nil }
	}
	if c.Observer == nil {
		c.Observer = unobserved{}
	}
	return c
}

func (c Config) inRange(a netip.Addr) bool {
	return slices.ContainsFunc(c.Range, func(p netip.Prefix) bool { return p.Contains(a) })
}

// policy is what holds for a wanted address.
func (c Config) policy(w Want) model.ElasticIPs {
	switch {
	case !w.Addr.Is4():
		return model.ElasticIPsNone
	case w.Policy == "":
		return c.Policy
	}
	return w.Policy
}

// allocates says whether the cloud's tagged Elastic IPs are made and released
// here, and not with the cloud.
func (c Config) allocates() bool { return c.Policy != model.ElasticIPsAll }

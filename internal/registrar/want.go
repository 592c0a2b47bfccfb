// SPDX-License-Identifier: Apache-2.0

package registrar

import (
	"net/netip"
	"slices"
	"time"

	"macaw.example/internal/model"
)

// Want is an address that Neutron has allocated on an external network.
type Want struct {
	Addr netip.Addr
	// Policy is empty for the cloud's. IPv6 addresses have no Elastic IP.
	Policy model.ElasticIPPolicy
	// Owner is what has it, for people to read: such as "router 3f2c...".
	Owner string
	// FloatingIP is the ID of Neutron's floating IP, or empty.
	FloatingIP string
	// Here says that the address's traffic goes through this node. An address that is
	// on another node, or on none at the moment, is left as it is.
	Here bool
}

// Config is the configuration of a Registrar. What comes after Pool is optional.
type Config struct {
	Cloud        string // name, as in the tag macaw:cloud
	Node         string // this node's name, as in the tag macaw:part
	Instance     string // this node's instance: i-...
	InstanceType string // such as m8i.2xlarge; AWS is asked for its limits
	Subnet       string // the provider subnet: subnet-...
	// Range holds the cloud's addresses, of both families. No other address is
	// ever assigned or unassigned.
	Range  []netip.Prefix
	Policy model.ElasticIPPolicy // the cloud's
	Pool   []string              // allocation IDs of policy Pool
	// Grace is how long an address or an Elastic IP is kept after Neutron no longer has
	// it; a minute by default.
	Grace time.Duration
	// ReleaseAfter is how long many releases at once wait, unless an operator agrees
	// before; zero: they do not wait. See holdReleases.
	ReleaseAfter model.Wait
	// Held is what the former process has saved as held, nil if that is not known.
	// SaveHeld saves what is held, whenever it changes and before anything is released;
	// it reports its errors itself.
	Held     []model.Held
	SaveHeld func([]model.Held) error
	// PassLimit is how long Reconcile goes on beginning writes, so that a newer answer
	// of Neutron does not wait for hundreds of older ones; 8 s by default.
	PassLimit time.Duration
	Observer  Observer
	// StillHere is asked about each address of this node before something is done for it: its traffic may have moved
	// to another node since the wants were made, and that node must keep it. Nil: nothing has moved. It may be called
	// from several goroutines.
	StillHere func(netip.Addr) bool
	// Registered gets the addresses of this node as soon as AWS has acknowledged that they are assigned, before that is
	// read back: Describes may show it seconds later, and frames pass already. Result has them too.
	Registered func(map[netip.Addr]Registration)
}

func (c Config) withDefaults() Config {
	if c.Grace == 0 {
		c.Grace = time.Minute
	}
	if c.PassLimit == 0 {
		c.PassLimit = 8 * time.Second
	}
	if c.SaveHeld == nil {
		c.SaveHeld = func([]model.Held) error { return nil }
	}
	if c.StillHere == nil {
		c.StillHere = func(netip.Addr) bool { return true }
	}
	if c.Registered == nil {
		c.Registered = func(map[netip.Addr]Registration) {}
	}
	if c.Observer == nil {
		c.Observer = noObserver{}
	}
	return c
}

func (c Config) inRange(a netip.Addr) bool {
	return slices.ContainsFunc(c.Range, func(p netip.Prefix) bool { return p.Contains(a) })
}

// policy is the one that applies to a wanted address.
func (c Config) policy(w Want) model.ElasticIPPolicy {
	switch {
	case !w.Addr.Is4():
		return model.ElasticIPsNone
	case w.Policy == "":
		return c.Policy
	}
	return w.Policy
}

// madeWithCloud reports whether the cloud's Elastic IPs are made and removed with the
// cloud, and so are registered addresses: then nothing is released here.
func (c Config) madeWithCloud() bool { return c.Policy == model.ElasticIPsAll }

// SPDX-License-Identifier: Apache-2.0

package vpc

import (
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Config is what of the fabric does not change. The zero value means the
// defaults.
type Config struct {
	// MTU in bytes, which DHCP tells to instances. Default 9001, as of current
	// instance types (EC2 User Guide, network_mtu). The devices' is set apart.
	MTU int
	// Domain that DHCP tells to instances. Default "ec2.internal".
	Domain string
	// TCPIdle is how long an established TCP flow without packets stays
	// tracked. Default 350 s, as on Nitro v6, where nested virtualization is;
	// earlier types have 432,000 s (EC2 User Guide,
	// security-group-connection-tracking).
	TCPIdle time.Duration
	// MaxFlows an ENI may track. Default 131,072.
	MaxFlows int
	// AnnounceMoves is what SetAnnounceMoves sets. Default off.
	AnnounceMoves bool
	// DropLog is how many of the last drops are kept for Drops. Default 1,024.
	DropLog int
}

func (c Config) withDefaults() Config {
	if c.MTU == 0 {
		c.MTU = 9001
	}
	if c.Domain == "" {
		c.Domain = "ec2.internal"
	}
	if c.TCPIdle == 0 {
		c.TCPIdle = 350 * time.Second
	}
	if c.MaxFlows == 0 {
		c.MaxFlows = 1 << 17
	}
	if c.DropLog == 0 {
		c.DropLog = 1024
	}
	return c
}

// Fabric passes frames between ENIs, the Internet and the services as a
// topology allows. Its methods may be called from several goroutines at once.
type Fabric struct {
	cfg    Config
	epoch  time.Time // flows' times count from here
	tables atomic.Pointer[tables]
	log    dropLog
	// observers is nil while nobody looks.
	observers atomic.Pointer[[]*Observer]

	ticker ticker

	mu       sync.Mutex // of what follows
	records  map[Port]*record
	clients  clientPool
	internet *record // of packets that find no ENI
	services *record
	unknown  *record // of frames from ports that are no ENI's

	announcing bool
	moves      []move // to announce
}

// New returns a fabric without a topology: it drops everything.
func New(cfg Config) *Fabric {
	f := &Fabric{cfg: cfg.withDefaults(), epoch: time.Now(), records: make(map[Port]*record)}
	f.log.init(f.cfg.DropLog)
	f.announcing = f.cfg.AnnounceMoves
	f.clients.init()
	f.internet = f.recordOf(Internet)
	f.services = f.recordOf(Services)
	f.unknown = f.recordOf(Port{})
	f.tables.Store(&tables{})
	return f
}

// recordOf returns what the fabric keeps about a port across topologies.
func (f *Fabric) recordOf(p Port) *record {
	r := f.records[p]
	if r == nil {
		r = &record{account: account{at: p}}
		r.flows.max = int64(f.cfg.MaxFlows)
		f.records[p] = r
	}
	return r
}

// SetTopology puts a topology in the place of the one before. Frames see the
// one or the other. ENIs that stay, by ID, keep their tracked flows, as a change
// of rules does not cut them (EC2 User Guide,
// security-group-connection-tracking), and their counters. An inconsistent
// topology is refused and changes nothing.
func (f *Fabric) SetTopology(t Topology) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := compiler{
		record:  func(id string) *record { return f.recordOf(ENIPort(id)) },
		clients: f.clients.get,
		idle:    idleTimes{f.cfg.TCPIdle, idleUDP, idleUDPStream},
	}
	next, err := c.compile(t)
	if err != nil {
		next = f.tables.Load() // what was added for the refused one goes again
	} else {
		f.noteMoves(f.tables.Load(), next)
		f.tables.Store(next)
	}
	for p := range f.records {
		if p.Kind == PortENI && p.ENI != "" && next.nics[p.ENI] == nil {
			delete(f.records, p)
		}
	}
	f.clients.keep(next)
	if err != nil {
		return fmt.Errorf("setting the topology: %w", err)
	}
	return nil
}

// ClientOf tells which ENI is behind a source address of a packet on the
// Services port.
func (f *Fabric) ClientOf(addr netip.Addr) (eniID string, ok bool) {
	addr = addr.Unmap()
	if !addr.Is4() {
		return "", false
	}
	c, ok := f.tables.Load().clients[fromAddr(addr)&^1]
	if !ok {
		return "", false
	}
	return c.nic.id, true
}

// Forward passes on a frame that arrived at a port, now. It does not change the
// frame, does not block and, with an Output that was used before, does not
// allocate, but for the first packet of a flow and for DHCP. What is in out is
// valid until its next use.
func (f *Fabric) Forward(in Port, frame []byte, now time.Time, out *Output) {
	out.reset()
	p := pass{f: f, tables: f.tables.Load(), now: now, in: in, out: out}
	switch in.Kind {
	case PortENI:
		p.fromENI(in, frame)
	case PortInternet:
		p.fromInternet(frame)
	case PortServices:
		p.fromServices(frame)
	}
	f.observePassed(in, frame, now, out)
}

// pass is a frame's way through the fabric.
type pass struct {
	f      *Fabric
	tables *tables
	now    time.Time
	in     Port
	out    *Output
	hops   int // NAT gateways on the way
}

// since returns the time in which flows and the like are counted.
func (ps *pass) since() time.Duration { return ps.now.Sub(ps.f.epoch) }

// drop ends the way of a frame (or, with raw, of a bare packet).
func (ps *pass) drop(r *record, d Direction, why Reason, frame []byte, raw bool) {
	ps.out.Reason = why
	if d == Egress && (r.at == ps.in || r == ps.f.unknown) {
		ps.out.refused = true
	}
	r.drops[d][why].Add(1)
	ps.f.log.add(ps.now, r.at, d, why, frame, raw)
	if ps.f.observers.Load() != nil {
		ps.f.observe(Event{Time: ps.now, Port: r.at, Direction: d, Reason: why, Length: len(frame), Frame: frame})
	}
}

// deliver hands a frame to an ENI.
func (ps *pass) deliver(n *nic, frame []byte) {
	n.accept(Ingress, len(frame))
	ps.out.Deliveries = append(ps.out.Deliveries, Delivery{To: n.port, Frame: frame})
}

// deliverRaw hands a packet to a port without Ethernet.
func (ps *pass) deliverRaw(r *record, ip []byte) {
	r.accept(Ingress, len(ip))
	ps.out.Deliveries = append(ps.out.Deliveries, Delivery{To: r.at, Frame: ip})
}

// SPDX-License-Identifier: Apache-2.0

package vpc

import (
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Config is the fixed part of the fabric's configuration. Zero values mean the defaults.
type Config struct {
	// MTU in bytes, as announced by DHCP. Default 9001, that of current instance types (EC2
	// User Guide, network_mtu). DeviceConfig sets the devices' MTU.
	MTU int
	// Domain that DHCP announces. Default "ec2.internal".
	Domain string
	// TCPIdle is how long an idle established TCP flow stays tracked. Default 350 s, as on
	// Nitro v6, which nested virtualization runs on; earlier types have 432,000 s (EC2 User
	// Guide, security-group-connection-tracking).
	TCPIdle time.Duration
	// MaxFlows is how many flows an ENI may track. Default 131,072.
	MaxFlows int
	// AnnounceMoves is the initial value of SetAnnounceMoves. Default off.
	AnnounceMoves bool
	// DropLog is how many drops are kept for Drops. Default 1,024.
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

// Fabric passes frames between ENIs, the Internet and the services, as a topology allows.
// Its methods are safe for concurrent use.
type Fabric struct {
	cfg    Config
	epoch  time.Time // origin of the flows' times
	tables atomic.Pointer[tables]
	log    dropLog
	// observers is nil if there are none.
	observers atomic.Pointer[[]*Observer]

	ticker ticker

	mu       sync.Mutex // guards the fields below
	records  map[Port]*record
	clients  clientPool
	internet *record // packets from the Internet that match no ENI
	services *record
	unknown  *record // frames from ports of unknown ENIs

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

// recordOf returns the port's record, which persists across topologies.
func (f *Fabric) recordOf(p Port) *record {
	r := f.records[p]
	if r == nil {
		r = &record{account: account{at: p}}
		r.flows.max = int64(f.cfg.MaxFlows)
		f.records[p] = r
	}
	return r
}

// SetTopology replaces the topology; each frame sees either the old or the new one. ENIs
// that stay, by ID, keep their counters and their tracked flows: changed rules do not cut
// flows (EC2 User Guide, security-group-connection-tracking). An inconsistent topology is
// refused and changes nothing.
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
		next = f.tables.Load() // undo additions for the refused topology
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

// ClientOf returns the ENI that a source address on the Services port belongs to.
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

// Forward processes a frame that arrived at a port at the time now. It does not change the
// frame and does not block. With a reused Output it does not allocate, except for DHCP and
// the first packet of a flow. The contents of out are valid until its next use.
func (f *Fabric) Forward(in Port, frame []byte, now time.Time, out *Output) {
	f.ForwardGSO(in, frame, 0, now, out)
}

// ForwardGSO is Forward for a GSO frame, each of whose frames has that many bytes of payload (the last one may have
// fewer). Its checksum field must hold the sum of the pseudo header, which includes the whole length. With a size of 0,
// and if it can be no GSO frame, it is an ordinary one.
func (f *Fabric) ForwardGSO(in Port, frame []byte, size int, now time.Time, out *Output) {
	out.reset()
	ps := pass{f: f, tables: f.tables.Load(), now: now, in: in, out: out}
	if size == 0 || !ps.fromGSO(frame, size) {
		ps.from(frame)
		f.observePassed(in, frame, now, out, out.Deliveries)
	}
}

// from processes an ordinary frame that arrived.
func (ps *pass) from(frame []byte) {
	switch ps.in.Kind {
	case PortENI:
		ps.fromENI(ps.in, frame)
	case PortInternet:
		ps.fromInternet(frame)
	case PortServices:
		ps.fromServices(frame)
	}
}

// pass is the processing of one frame.
type pass struct {
	f      *Fabric
	tables *tables
	now    time.Time
	in     Port
	out    *Output
	hops   int  // NAT gateways passed
	cut    bool // a GSO frame cannot pass whole; nothing was counted yet
}

// since returns the current time relative to the fabric's epoch.
func (ps *pass) since() time.Duration { return ps.now.Sub(ps.f.epoch) }

// drop drops a frame (or, with raw, a bare packet).
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

// refuse drops a packet with its Ethernet header: of a GSO frame, all frames that it stands for.
func (ps *pass) refuse(r *record, d Direction, why Reason, p *packet) {
	if p.size == 0 {
		ps.drop(r, d, why, p.frame, false)
		return
	}
	framesOf(p.frame, etherLen, p.size, func(frame []byte) { ps.drop(r, d, why, frame, false) })
}

// deliver hands a frame to an ENI.
func (ps *pass) deliver(n *nic, frame []byte) {
	if ps.exceeds(n) {
		ps.drop(n.record, Ingress, ReasonPPSAllowance, frame, false)
		return
	}
	n.accept(Ingress, 1, len(frame))
	ps.out.Deliveries = append(ps.out.Deliveries, Delivery{To: n.port, Frame: frame})
}

// deliverPacket hands a packet with its Ethernet header to an ENI. With a limit some frames of a GSO frame may have
// to be dropped.
func (ps *pass) deliverPacket(n *nic, p *packet) {
	switch {
	case p.size == 0:
		ps.deliver(n, p.frame)
	case n.each != 0:
		g := p.gso()
		for i := range g.frames() {
			ps.deliver(n, g.frame(i, ps.out.take(g.longest())))
		}
	default:
		n.acceptPacket(Ingress, p)
		ps.out.Deliveries = append(ps.out.Deliveries, Delivery{To: n.port, Frame: p.frame, GSOSize: p.size})
	}
}

// deliverRaw hands a packet to a port without Ethernet.
func (ps *pass) deliverRaw(r *record, p *packet) {
	r.acceptRaw(Ingress, p)
	ps.out.Deliveries = append(ps.out.Deliveries, Delivery{To: r.at, Frame: p.ip(), GSOSize: p.size})
}

// SPDX-License-Identifier: Apache-2.0

package vpc

import (
	"bytes"
	"net/netip"
	"slices"
	"testing"
	"time"
)

// reset resets a fabric to its initial state, except for its counters.
func (f *Fabric) reset() {
	for _, r := range f.records {
		if r.flows.count.Load() != 0 {
			for i := range r.flows.shards {
				clear(r.flows.shards[i].flows)
				r.flows.shards[i].added, r.flows.shards[i].kept = 0, 0
			}
			r.flows.count.Store(0)
		}
		r.fragments = [2]fragmentCache{}
		if t := r.connections; t != nil {
			clear(t.inside)
			clear(t.outside)
			clear(t.destinations)
			t.next, t.swept, t.fragments = 0, 0, [2]fragmentCache{}
		}
		r.begun = false
	}
	f.announcing, f.moves = false, nil
}

// watch checks the invariants of a fabric's deliveries.
type watch struct {
	fabric *Fabric
	tables *tables // of the topology
	topo   Topology
	enis   map[string]*ENI
	macs   map[string]MAC
	known  map[MAC]bool
	public map[netip.Addr]bool // allowed source addresses of packets to the Internet
	out    Output
}

func newWatch(t testing.TB, topo Topology) *watch {
	return watchOf(t, New(Config{DropLog: 1}), topo)
}

// watchOf watches a fabric that has had other topologies with the same ENIs.
func watchOf(t testing.TB, f *Fabric, topo Topology) *watch {
	w := &watch{fabric: f, topo: topo, enis: map[string]*ENI{}, macs: map[string]MAC{},
		known: map[MAC]bool{gwA: true, gwB: true, gwC: true}, public: map[netip.Addr]bool{}}
	if err := w.fabric.SetTopology(topo); err != nil {
		t.Fatal(err)
	}
	for i := range topo.ENIs {
		e := &topo.ENIs[i]
		w.enis[e.ID], w.macs[e.ID], w.known[e.MAC] = e, e.MAC, true
	}
	for _, e := range topo.ElasticIPs {
		w.public[e.Public] = true
	}
	w.tables = f.tables.Load()
	return w
}

// use replaces the topology as SetTopology does, but without compiling it again.
func (w *watch) use() {
	w.fabric.mu.Lock()
	defer w.fabric.mu.Unlock()
	w.fabric.noteMoves(w.fabric.tables.Load(), w.tables)
	w.fabric.tables.Store(w.tables)
}

// forward sends a frame and checks the result. It returns the last delivery, which the next
// call overwrites.
func (w *watch) forward(t *testing.T, from Port, frame []byte, now time.Time) (last Delivery) {
	sum := checksumOf(frame)
	w.fabric.Forward(from, frame, now, &w.out)
	if sum != checksumOf(frame) {
		t.Fatal("the input was changed")
	}
	answered := len(frame) >= etherLen+8 && get16(frame[12:]) == etherARP && get16(frame[etherLen+6:]) == arpReply
	if len(w.out.Deliveries) == 0 && w.out.Reason == ReasonNone && !answered {
		t.Fatal("neither delivered nor dropped")
	}
	right := len(w.out.Deliveries) > 0 && inputIsRight(from, frame)
	for _, d := range w.out.Deliveries {
		w.check(t, from, frame, d, right)
		last = Delivery{To: d.To, Frame: bytes.Clone(d.Frame), GSOSize: d.GSOSize}
	}
	return last
}

// tick calls Tick and checks the emitted frames.
func (w *watch) tick(t *testing.T, now time.Time) {
	w.fabric.Tick(now, func(d Delivery) { w.check(t, d.To, nil, d, true) })
}

// checksumOf is a cheap checksum, to detect changed bytes.
func checksumOf(b []byte) (s uint64) {
	for i, c := range b {
		s += uint64(c) * uint64(i+1)
	}
	return s
}

// check checks the invariants of a delivery. right tells whether the input frame's
// checksums were correct.
func (w *watch) check(t *testing.T, from Port, frame []byte, d Delivery, right bool) {
	ip := d.Frame
	if d.To.Kind == PortENI {
		e := w.enis[d.To.ENI]
		dst, src, kind := MAC(d.Frame), MAC(d.Frame[6:]), get16(d.Frame[12:])
		own := d.To == from // an answer, or an unsolicited frame
		if !e.Attached || e.Down || slices.ContainsFunc(w.topo.NATGateways,
			func(g NATGateway) bool { return g.ENI == e.ID }) {
			t.Fatalf("%s got a frame", d.To)
		}
		if dst != e.MAC && !(own && dst.multicast()) {
			t.Fatalf("%s got a frame for %s", d.To, dst)
		}
		if !w.known[src] {
			t.Fatalf("%s got a frame from %s", d.To, src)
		}
		ip = d.Frame[etherLen:]
		var p packet
		switch {
		case kind == etherARP:
			if !own {
				t.Fatalf("%s saw ARP of %s", d.To, from)
			}
			return
		case !p.parse(d.Frame):
			t.Fatalf("%s got what is no packet: % x", d.To, d.Frame)
		case p.isND() && !own:
			t.Fatalf("%s saw neighbour discovery of %s", d.To, from)
		case e.SourceDestCheck && !dst.multicast() && !e.has(p.dst.netip()) &&
			!(own && p.proto == protoUDP && (p.sport == 67 || p.sport == 547)):
			t.Fatalf("%s got a packet for %s", d.To, p.dst.netip())
		}
	} else {
		src := getAddr(ip[12:]).netip()
		switch {
		case d.To == Services && !netip.MustParsePrefix("100.64.0.0/10").Contains(src):
			t.Fatal("the services saw a private address")
		case d.To == Internet && len(ip) > 1500:
			t.Fatalf("%d bytes went to the Internet", len(ip))
		case d.To == Internet && ip[0]>>4 == 4 && !w.public[src]:
			t.Fatalf("the Internet saw %s", src)
		case d.To == Internet && ip[0]>>4 == 6 && getAddr16(ip[8:]).hi>>32 != 0x20010db8:
			t.Fatalf("the Internet saw %s", getAddr16(ip[8:]).netip())
		}
	}
	if err := verify(ip); right && err != nil {
		t.Fatalf("checksums were right, and to %s: %v\n in % x\nout % x", d.To, err, frame, d.Frame)
	}
}

// has tells whether an address is the ENI's own.
func (e *ENI) has(a netip.Addr) bool {
	return slices.Contains(e.Addresses, a) || slices.Contains(e.IPv6, a) || a == linkLocalOf(e.MAC).netip() ||
		slices.ContainsFunc(e.Prefixes, func(p netip.Prefix) bool { return p.Contains(a) })
}

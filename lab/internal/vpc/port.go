// SPDX-License-Identifier: Apache-2.0

package vpc

// PortKind is the kind of peer at a port.
type PortKind uint8

// The kinds of port. An ENI's port carries Ethernet; those of the Internet and the services
// carry bare IP, because their links are not part of a VPC.
const (
	PortENI PortKind = iota
	PortInternet
	PortServices
)

// Port is one edge of the fabric. It is comparable.
type Port struct {
	Kind PortKind
	ENI  string // the ENI's ID; empty for other kinds
}

// The two singleton ports.
var (
	// Internet carries raw IPv4 and IPv6 packets between Internet gateways and the
	// Internet.
	Internet = Port{Kind: PortInternet}
	// Services carries raw IPv4 packets between ENIs and the link-local
	// services: instance metadata, DNS and time.
	Services = Port{Kind: PortServices}
)

// ENIPort returns the port of an ENI. Its frames are Ethernet frames without
// frame check sequence.
func ENIPort(id string) Port { return Port{Kind: PortENI, ENI: id} }

// String returns the ENI's ID, "internet" or "services".
func (p Port) String() string {
	switch p.Kind {
	case PortInternet:
		return "internet"
	case PortServices:
		return "services"
	}
	return p.ENI
}

// Direction is relative to the instance, as in security group rules.
type Direction uint8

// The two directions. A packet from the Internet or the services that matches no ENI counts
// as ingress at that port.
const (
	Egress Direction = iota
	Ingress
)

// String returns "egress" or "ingress".
func (d Direction) String() string {
	if d == Egress {
		return "egress"
	}
	return "ingress"
}

// ipOffset returns where the IP header of the port's frames begins.
func (p Port) ipOffset() int {
	if p.Kind == PortENI {
		return etherLen
	}
	return 0
}

func (d Direction) opposite() Direction { return 1 - d }

// Delivery is a frame or packet and its destination port.
type Delivery struct {
	To    Port
	Frame []byte
	// GSOSize of a GSO frame is the payload of each frame that it stands for, as for ForwardGSO; otherwise 0.
	GSOSize int
}

// Output is the result of Forward. Its memory is reused by the next Forward with the same
// Output; the zero value is ready for use.
type Output struct {
	// Deliveries holds the frame as its receiver gets it, or its fragments, or the fabric's
	// answer to the sender. It is empty if there is none of these, as after an answer to
	// the fabric's own request.
	Deliveries []Delivery
	// Reason is why the frame, or a fragment of it, was dropped; ReasonNone if it was
	// delivered or answered.
	Reason Reason

	refused bool   // the frame was dropped at its ingress port
	memory  []byte // of the frames in transit, answers and fragments; its length is in use
}

func (o *Output) reset() {
	o.Deliveries = o.Deliveries[:0]
	o.Reason = ReasonNone
	o.refused = false
	if cap(o.memory) > 1<<20 { // after a GSO frame for thousands of frames
		o.memory = nil
	}
	o.memory = o.memory[:0]
}

// load copies a frame into memory of its own, after pad bytes.
func (o *Output) load(frame []byte, pad int) []byte {
	b := o.take(pad + len(frame))
	copy(b[pad:], frame)
	return b
}

// take returns n uninitialized bytes.
func (o *Output) take(n int) []byte {
	used := len(o.memory)
	if cap(o.memory)-used < n {
		o.memory, used = make([]byte, 0, max(n, 2*cap(o.memory), 4096)), 0 // what is in use stays where it is
	}
	o.memory = o.memory[:used+n]
	return o.memory[used : used+n : used+n]
}

// SPDX-License-Identifier: Apache-2.0

package vpc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"macaw.example/internal/netdev"
	"macaw.example/lab/internal/namespace"
)

// meteredLink verifies all frames in both directions, as they are on the wire, and counts.
type meteredLink struct {
	checkedLink
	port     Port
	from, to *traffic // the kernel at this port
}

// traffic counts frames with payload.
type traffic struct {
	whole  atomic.Int64 // GSO frames
	frames atomic.Int64 // on the wire, of more than 500 bytes
}

func (c *traffic) add(frame []byte, at, size int) {
	if size != 0 {
		c.whole.Add(1)
	}
	framesOf(frame, at, size, func(frame []byte) {
		if len(frame) > 500 {
			c.frames.Add(1)
		}
	})
}

func (l meteredLink) Read() (frame []byte, size int, err error) {
	if frame, size, err = l.checkedLink.Read(); err == nil {
		l.from.add(frame, l.header, size)
	}
	return frame, size, err
}

func (l meteredLink) Write(frame []byte, size int) error {
	l.to.add(frame, l.header, size)
	framesOf(frame, l.header, size, l.check)
	return l.Device.Write(frame, size)
}

// offloads is the fabric between kernels that use the offloads of its interfaces.
type offloads struct {
	*testing.T
	*Fabric
	a1, a2, b1, internet string
	sent, received       map[Port]*traffic
}

func newOffloads(t *testing.T, internetMTU int) *offloads {
	o := &offloads{T: t, sent: map[Port]*traffic{}, received: map[Port]*traffic{}}
	for _, p := range []Port{a1, a2, b1, Internet} {
		o.sent[p], o.received[p] = new(traffic), new(traffic)
	}
	o.Fabric, o.a1, o.a2, o.b1, o.internet = kernelsBy(t, internetMTU, func(p Port, d *Device, cfg DeviceConfig) Link {
		return meteredLink{checkedLink{d, t, p.ipOffset(), cfg.MTU}, p, o.sent[p], o.received[p]}
	})
	setUp(t, o.a1, "eth0", "10.0.0.11/24", "10.0.0.1", "0.0.0.0/0")
	setUp(t, o.a2, "eth0", "10.0.0.21/24", "10.0.0.1", "0.0.0.0/0")
	setUp(t, o.b1, "eth0", "10.0.1.31/24", "10.0.1.1", "0.0.0.0/0")
	setUp(t, o.internet, "internet", "8.8.8.8/32", "", "198.51.100.0/24")
	setUp(t, o.a1, "eth0", v6A1+"/64", "")
	setUp(t, o.a2, "eth0", v6A2+"/64", "")
	eventually(t, "IPv6 addresses", func() error { return errors.Join(usable(o.a1, v6A1), usable(o.a2, v6A2)) })
	eventually(t, "a first packet", func() error {
		return errors.Join(pingFrom(o.a1, "10.0.0.21"), pingFrom(o.a2, "8.8.8.8"), pingFrom(o.b1, "10.0.0.11"))
	})
	return o
}

// wholeOf runs f and returns how many GSO frames the kernel at a port sent and received, and how many larger frames
// these and all others were on the wire.
func (o *offloads) wholeOf(from, to Port, f func()) (sent, received, onWire int64) {
	s, r, w := o.sent[from].whole.Load(), o.received[to].whole.Load(), o.received[to].frames.Load()
	f()
	return o.sent[from].whole.Load() - s, o.received[to].whole.Load() - r, o.received[to].frames.Load() - w
}

// offloads of an interface, by the kernel's names of its features.
var (
	gro = []string{"rx-gro"}
	tso = []string{"tx-tcp-segmentation", "tx-tcp6-segmentation", "tx-tcp-ecn-segmentation"}
	tx  = []string{"tx-checksum-ip-generic"}
)

// set turns features of a machine's interface on or off, as ethtool -K does.
func set(t *testing.T, ns string, features []string, on bool) {
	t.Helper()
	for _, f := range features {
		if err := namespace.Do(ns, func() error { return netdev.SetFeature("eth0", f, on) }); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(100 * time.Millisecond) // the fabric hears of it
}

// largest watches the frames that a kernel receives, and returns the length of the longest and what is wrong with the
// checksums of those that are no GSO frames.
func largest(t *testing.T, ns string, f func()) (length int, wrong error) {
	t.Helper()
	var fd int
	if err := namespace.Do(ns, func() (err error) {
		protocol := int(binary.NativeEndian.Uint16([]byte{etherIPv4 >> 8, etherIPv4 & 0xff}))
		if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, protocol); err != nil {
			return err
		}
		return errors.Join(unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 64<<20),
			unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 200_000}))
	}); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	f()
	for b := make([]byte, longestFrame); ; {
		n, from, err := unix.Recvfrom(fd, b, 0)
		if err != nil {
			return length, wrong
		}
		if from.(*unix.SockaddrLinklayer).Pkttype == unix.PACKET_OUTGOING {
			continue
		}
		length = max(length, n)
		if err := verify(b[etherLen:n]); err != nil && n <= etherLen+9001 {
			wrong = err
		}
	}
}

var streamed = bytes.Repeat([]byte("whole or cut, the same bytes"), 1<<16) // 1.8 MB

// Kernels send GSO frames, and receive them as their own GRO would merge them: whole, or frame by frame with GRO off.
func TestOffloads(t *testing.T) {
	o := newOffloads(t, 1500)
	stream := func(from, to, address string) func() {
		return func() {
			t.Helper()
			if err := download(from, to, address, streamed); err != nil {
				t.Error(err)
			}
		}
	}
	for _, c := range []struct {
		name, server, client string
		from, to             Port
		address              string
	}{
		{"in the subnet", o.a2, o.a1, a2, a1, "10.0.0.21:8080"},
		{"in the subnet, IPv6", o.a2, o.a1, a2, a1, "[" + v6A2 + "]:8080"},
		{"between subnets", o.a1, o.b1, a1, b1, "10.0.0.11:8080"},
		{"from the Internet", o.internet, o.a1, Internet, a1, "8.8.8.8:8080"},
		{"to the Internet", o.a2, o.internet, a2, Internet, "198.51.100.21:8080"},
		{"through a NAT gateway", o.internet, o.b1, Internet, b1, "8.8.8.8:8080"},
		{"between Elastic IPs", o.a2, o.a1, a2, a1, "198.51.100.21:8080"},
	} {
		sent, received, frames := o.wholeOf(c.from, c.to, stream(c.server, c.client, c.address))
		if sent == 0 || received == 0 || frames < sent*2 {
			t.Errorf("%s: %d GSO frames sent, %d received, %d frames on the wire", c.name, sent, received, frames)
		}
		t.Logf("%s: %d GSO frames sent, %d received, %d frames on the wire", c.name, sent, received, frames)
	}

	in := stream(o.a2, o.a1, "10.0.0.21:8080")
	if n, err := largest(t, o.a1, in); n <= etherLen+9001 || err != nil {
		t.Errorf("with GRO the longest frame received has %d bytes; %v", n, err)
	}
	set(t, o.a1, gro, false)
	if n, err := largest(t, o.a1, in); n != etherLen+9001 || err != nil {
		t.Errorf("without GRO the longest frame received has %d bytes; %v", n, err)
	}
	set(t, o.a1, gro, true)
	if n, _ := largest(t, o.a1, in); n <= etherLen+9001 {
		t.Errorf("with GRO again the longest frame received has %d bytes", n)
	}

	set(t, o.a2, tso, false)
	if sent, received, _ := o.wholeOf(a2, a1, in); sent != 0 || received != 0 {
		t.Errorf("without TSO: %d GSO frames sent, %d received", sent, received)
	}
	set(t, o.a2, tx, false)
	if sent, _, _ := o.wholeOf(a2, a1, in); sent != 0 {
		t.Errorf("without checksum offload: %d GSO frames sent", sent)
	}
	set(t, o.a2, tx, true)
	set(t, o.a2, tso, true)
	if sent, _, _ := o.wholeOf(a2, a1, in); sent == 0 {
		t.Error("with TSO again: no GSO frame sent")
	}
}

// segmentedSocket opens a UDP socket that leaves datagrams of a size to the interface (udp(7), UDP_SEGMENT), and never
// fragments.
func segmentedSocket(t *testing.T, ns, to string, size int) *net.UDPConn {
	t.Helper()
	var c *net.UDPConn
	if err := namespace.Do(ns, func() (err error) {
		c, err = net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.MustParseAddrPort(to)))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	control(t, c, func(fd int) error {
		return errors.Join(unix.SetsockoptInt(fd, unix.IPPROTO_UDP, unix.UDP_SEGMENT, size),
			unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_DO))
	})
	return c
}

func control(t *testing.T, c syscall.Conn, f func(fd int) error) {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var inner error
	if err := raw.Control(func(fd uintptr) { inner = f(int(fd)) }); err != nil || inner != nil {
		t.Fatal(err, inner)
	}
}

// Datagrams that are sent as one arrive as they would one by one.
func TestOffloadsOfUDP(t *testing.T) {
	o := newOffloads(t, 1500)
	for _, on := range []bool{true, false} {
		set(t, o.a1, gro, on)
		for _, c := range []struct {
			from, to, local, remote string
			port                    Port
		}{
			{o.a2, o.a1, "10.0.0.11:9000", "10.0.0.11:9000", a2},
			{o.a2, o.a1, "[" + v6A1 + "]:9000", "[" + v6A1 + "]:9000", a2},
			{o.internet, o.a1, "10.0.0.11:9000", "198.51.100.11:9000", Internet},
		} {
			var l net.PacketConn
			if err := namespace.Do(c.to, func() (err error) {
				l, err = net.ListenPacket("udp", c.local)
				return err
			}); err != nil {
				t.Fatal(err)
			}
			data := counting(10_000)
			sent, received, _ := o.wholeOf(c.port, a1, func() {
				if _, err := segmentedSocket(t, c.from, c.remote, 1100).Write(data); err != nil {
					t.Error(err)
				}
				l.SetReadDeadline(time.Now().Add(5 * time.Second))
				for at := 0; at < len(data); {
					b := make([]byte, 1<<16)
					n, _, err := l.ReadFrom(b)
					want := data[at:min(at+1100, len(data))]
					if err != nil || !bytes.Equal(b[:n], want) {
						t.Fatalf("%s, GRO %t: at %d got %d bytes of %d, or others: %v", c.remote, on, at, n, len(want), err)
					}
					at += n
				}
			})
			t.Logf("%s, GRO %t: %d GSO frames sent, %d received", c.remote, on, sent, received)
			l.Close()
		}
	}
}

// Frames that stand for some too large for the Internet are answered like those, and the sender's kernel sends smaller
// ones.
func TestOffloadsTooLargeForTheInternet(t *testing.T) {
	o := newOffloads(t, 9001) // its kernel offers segments of 8961 bytes
	before := dropped(o.Fabric, a1, ReasonInternetMTU)
	c := segmentedSocket(t, o.a1, "8.8.8.8:9000", 3000)
	data := counting(9000)
	if _, err := c.Write(data); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the error", func() error {
		if n := dropped(o.Fabric, a1, ReasonInternetMTU); n-before != 3 {
			return fmt.Errorf("%d drops for 3 datagrams", n-before)
		}
		var mtu int
		control(t, c, func(fd int) (err error) {
			mtu, err = unix.GetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MTU)
			return err
		})
		if mtu != 1500 {
			return fmt.Errorf("the path's MTU is %d for the sender's kernel", mtu)
		}
		return nil
	})

	before = dropped(o.Fabric, a2, ReasonInternetMTU)
	if err := download(o.a2, o.internet, "198.51.100.21:8080", streamed); err != nil {
		t.Error(err)
	}
	if n := dropped(o.Fabric, a2, ReasonInternetMTU) - before; n == 0 {
		t.Error("no segment was too large")
	} else {
		t.Logf("%d segments were too large at first", n)
	}
}

// plainTAP opens an interface as labs did before it had offloads.
func plainTAP(t *testing.T, ns, name string) (fd int) {
	t.Helper()
	if err := namespace.Do(ns, func() (err error) {
		if fd, err = unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0); err != nil {
			return err
		}
		request, err := unix.NewIfreq(name)
		if err != nil {
			return err
		}
		request.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
		return errors.Join(unix.IoctlIfreq(fd, unix.TUNSETIFF, request), unix.IoctlSetInt(fd, unix.TUNSETOFFLOAD, 0),
			unix.IoctlSetInt(fd, unix.TUNSETPERSIST, 1))
	}); err != nil {
		t.Fatal(err)
	}
	return fd
}

// A machine keeps running while its lab's daemon is replaced: by one that uses the offloads of its interfaces, or by an
// earlier one that does not know them.
func TestInterfacesOutliveTheLabsVersion(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root to make network namespaces and interfaces")
	}
	ns := newNamespace(t)
	if err := unix.Close(plainTAP(t, ns, "eth0")); err != nil {
		t.Fatal(err)
	}
	d, err := OpenTAP(DeviceConfig{Namespace: ns, Name: "eth0", MAC: macA1, MTU: 9001})
	if err != nil {
		t.Fatal(err)
	}
	setUp(t, ns, "eth0", "10.0.0.11/24", "")
	if err := links(ns, "eth0", func(h *netlink.Handle, l netlink.Link) error {
		return h.NeighSet(&netlink.Neigh{LinkIndex: l.Attrs().Index, IP: net.IPv4(10, 0, 0, 21), HardwareAddr: macA2[:],
			State: netlink.NUD_PERMANENT})
	}); err != nil {
		t.Fatal(err)
	}
	send := func() {
		t.Helper()
		if _, err := segmentedSocket(t, ns, "10.0.0.21:9", 1100).Write(counting(3300)); err != nil {
			t.Fatal(err)
		}
	}
	ours := func(frame []byte) bool { return len(frame) > 1100 && MAC(frame) == macA2 }
	set(t, ns, gro, true)
	eventually(t, "frames of UDP", func() error {
		send()
		for range 20 {
			frame, size, err := d.Read()
			if err != nil {
				t.Fatal(err)
			}
			if ours(frame) {
				if size != 1100 && size != 0 || size == 0 && verify(frame[etherLen:]) != nil {
					t.Errorf("%d bytes, size %d", len(frame), size)
				}
				return nil
			}
		}
		return errors.New("none of 20 frames")
	})
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}

	fd := plainTAP(t, ns, "eth0")
	defer unix.Close(fd)
	eventually(t, "a carrier", func() error {
		return links(ns, "eth0", func(_ *netlink.Handle, l netlink.Link) error {
			if l.Attrs().OperState == netlink.OperDown {
				return errors.New("none")
			}
			return nil
		})
	})
	send()
	b := make([]byte, longestFrame)
	for range 20 {
		n, err := unix.Read(fd, b)
		if err != nil {
			t.Fatal(err)
		}
		if ours(b[:n]) {
			if n != etherLen+28+1100 || verify(b[etherLen:n]) != nil {
				t.Errorf("%d bytes: % x", n, b[:64])
			}
			return
		}
	}
	t.Error("no frame of UDP among 20")
}

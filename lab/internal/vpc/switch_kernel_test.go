// SPDX-License-Identifier: Apache-2.0

package vpc

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"macaw.example/lab/internal/namespace"
)

// newNamespace makes a network namespace and returns its name.
func newNamespace(t *testing.T) string {
	t.Helper()
	name := "mcwt-" + rand.Text()[:8]
	if err := namespace.Add(name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := namespace.Delete(name); err != nil {
			t.Error(err)
		}
	})
	return name
}

// setUp gives an interface an address and routes.
func setUp(t *testing.T, ns, name, address, gateway string, routes ...string) {
	t.Helper()
	err := links(ns, name, func(h *netlink.Handle, l netlink.Link) error {
		a, err := netlink.ParseAddr(address)
		if err != nil {
			return err
		}
		if err := h.AddrAdd(l, a); err != nil {
			return err
		}
		for _, r := range routes {
			_, dst, err := net.ParseCIDR(r)
			if err != nil {
				return err
			}
			if err := h.RouteAdd(&netlink.Route{LinkIndex: l.Attrs().Index, Dst: dst, Gw: net.ParseIP(gateway)}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatalf("setting %s up: %v", name, err)
	}
}

func links(ns, name string, f func(*netlink.Handle, netlink.Link) error) error {
	return namespace.Links(ns, func(h *netlink.Handle) error {
		l, err := h.LinkByName(name)
		if err != nil {
			return err
		}
		return f(h, l)
	})
}

// pingFrom sends an echo from a namespace and waits for the reply.
func pingFrom(ns, dst string) error {
	return namespace.Do(ns, func() error {
		c, err := net.ListenPacket("ip4:icmp", "0.0.0.0")
		if err != nil {
			return err
		}
		defer c.Close()
		echo := ping("0.0.0.0", dst, 77)[20:]
		if _, err := c.WriteTo(echo, &net.IPAddr{IP: net.ParseIP(dst)}); err != nil {
			return err
		}
		c.SetReadDeadline(time.Now().Add(time.Second))
		b := make([]byte, 1500)
		for {
			n, _, err := c.ReadFrom(b)
			if err != nil {
				return err
			}
			if n >= 8 && b[0] == icmpEchoReply && bytes.Equal(b[4:n], echo[4:]) {
				return nil
			}
		}
	})
}

// download serves data in one namespace and fetches it from another.
func download(server, client, address string, data []byte) error {
	var l net.Listener
	if err := namespace.Do(server, func() (err error) {
		l, err = net.Listen("tcp", ":8080")
		return err
	}); err != nil {
		return err
	}
	defer l.Close()
	go func() {
		if c, err := l.Accept(); err == nil {
			c.Write(data)
			c.Close()
		}
	}()
	var c net.Conn
	if err := namespace.Do(client, func() (err error) {
		c, err = net.DialTimeout("tcp", address, 3*time.Second)
		return err
	}); err != nil {
		return err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(30 * time.Second))
	got, err := io.ReadAll(c)
	if err == nil && !bytes.Equal(got, data) {
		err = fmt.Errorf("got %d bytes of %d, or others", len(got), len(data))
	}
	return err
}

// checkedLink verifies the kernel's frames, as they are on the wire: within the MTU and with complete checksums.
type checkedLink struct {
	*Device
	t      *testing.T
	header int
	mtu    int
}

func (l checkedLink) Read() (frame []byte, size int, err error) {
	frame, size, err = l.Device.Read()
	if err == nil {
		framesOf(frame, l.header, size, l.check)
	}
	return frame, size, err
}

func (l checkedLink) check(b []byte) {
	if l.header == etherLen && get16(b[12:]) != etherIPv4 || l.header == 0 && b[0]>>4 != 4 {
		return
	}
	if len(b) > l.header+l.mtu {
		l.t.Errorf("the kernel sent %d bytes, over the MTU", len(b))
	}
	if err := verify(b[l.header:]); err != nil {
		l.t.Errorf("the kernel sent a broken packet: %v", err)
	}
}

func TestKernel(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root to make network namespaces and interfaces")
	}
	nsA1, nsA2, nsB1 := newNamespace(t), newNamespace(t), newNamespace(t)
	internet, services := newNamespace(t), newNamespace(t)
	f := New(Config{})
	if err := f.SetTopology(testTopology()); err != nil {
		t.Fatal(err)
	}
	devices := map[Port]DeviceConfig{
		a1:       {Namespace: nsA1, Name: "eth0", MAC: macA1, MTU: 9001},
		a2:       {Namespace: nsA2, Name: "eth0", MAC: macA2, MTU: 9001},
		b1:       {Namespace: nsB1, Name: "eth0", MAC: macB1, MTU: 9001},
		Internet: {Namespace: internet, Name: "internet", MTU: 1500},
		Services: {Namespace: services, Name: "services", MTU: 9001},
	}
	var s *Switch
	start := func() {
		t.Helper()
		s = NewSwitch(f, slog.New(slog.DiscardHandler))
		for p, cfg := range devices {
			open, header := OpenTAP, etherLen
			if p.Kind != PortENI {
				open, header = OpenTUN, 0
			}
			d, err := open(cfg)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Attach(p, checkedLink{d, t, header, cfg.MTU}); err != nil {
				t.Fatal(err)
			}
		}
	}
	start()
	defer func() { s.Close() }()
	setUp(t, nsA1, "eth0", "10.0.0.11/24", "10.0.0.1", "0.0.0.0/0")
	setUp(t, nsA2, "eth0", "10.0.0.21/24", "10.0.0.1", "0.0.0.0/0")
	setUp(t, nsB1, "eth0", "10.0.1.31/24", "10.0.1.1", "0.0.0.0/0")
	setUp(t, internet, "internet", "8.8.8.8/32", "", "198.51.100.0/24")
	setUp(t, services, "services", "169.254.169.254/32", "", "100.64.0.0/10")

	reaches := func(what, ns, dst string) {
		t.Helper()
		err := pingFrom(ns, dst)
		for range 4 { // the kernel processes carrier changes at most once per second
			if err != nil {
				err = pingFrom(ns, dst)
			}
		}
		if err != nil {
			t.Errorf("%s: %s does not answer: %v", what, dst, err)
			for _, d := range f.Drops() {
				if d.Reason != ReasonIPv6 {
					t.Log(d.Reason, d.Port, d.Summary)
				}
			}
		}
	}
	fails := func(what, ns, dst string, port Port, why Reason) {
		t.Helper()
		before := dropped(f, port, why)
		if err := pingFrom(ns, dst); err == nil {
			t.Errorf("%s: %s answers", what, dst)
		}
		if dropped(f, port, why) == before {
			t.Errorf("%s: no drop at %s for %s", what, port, why)
		}
	}

	reaches("same subnet", nsA1, "10.0.0.21")
	reaches("another subnet", nsA1, "10.0.1.31")
	reaches("Internet", nsA1, "8.8.8.8")
	reaches("from the Internet", internet, "198.51.100.21")
	reaches("Elastic IP to Elastic IP", nsA1, "198.51.100.21")
	reaches("own Elastic IP", nsA1, "198.51.100.11")
	fails("nobody", nsA1, "10.0.1.99", a1, ReasonUnassigned)
	fails("no route", nsB1, "8.8.8.8", b1, ReasonNoRoute)
	fails("no Elastic IP", internet, "198.51.100.31", Internet, ReasonUnknownElasticIP)

	data := bytes.Repeat([]byte("a fabric that drops what AWS drops\n"), 1<<18)
	for _, tc := range []struct{ name, server, client, address string }{
		{"same subnet", nsA2, nsA1, "10.0.0.21:8080"},
		{"another subnet", nsB1, nsA1, "10.0.1.31:8080"},
		{"from the Internet", internet, nsA1, "8.8.8.8:8080"},
		{"to the Internet", nsA2, internet, "198.51.100.21:8080"},
		{"metadata", services, nsB1, "169.254.169.254:8080"},
		{"hairpin", nsA2, nsA1, "198.51.100.21:8080"},
	} {
		begin := time.Now()
		if err := download(tc.server, tc.client, tc.address, data); err != nil {
			t.Errorf("download, %s: %v", tc.name, err)
		}
		t.Logf("download, %s: %.0f Mbit/s", tc.name, float64(len(data))*8/1e6/time.Since(begin).Seconds())
	}

	// A foreign source MAC is dropped regardless of payload.
	setMAC := func(m MAC) {
		t.Helper()
		if err := links(nsA1, "eth0", func(h *netlink.Handle, l netlink.Link) error {
			return h.LinkSetHardwareAddr(l, m[:])
		}); err != nil {
			t.Fatal(err)
		}
	}
	setMAC(macX)
	fails("foreign MAC", nsA1, "10.0.0.21", a1, ReasonSourceMAC)

	// The interfaces outlive a process; the next process reopens them and restores their
	// MACs.
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := pingFrom(nsA2, "10.0.1.31"); err == nil {
		t.Error("a closed switch forwards")
	}
	start()
	reaches("after a restart", nsA1, "10.0.0.21")

	// Removing an interface detaches its port from the switch.
	if err := RemoveDevice(nsA1, "eth0"); err != nil {
		t.Error(err)
	}
	if err := RemoveDevice(nsA1, "eth0"); err != nil {
		t.Errorf("removing again: %v", err)
	}
	for range 100 {
		if !s.Attached(a1) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if s.Attached(a1) {
		t.Error("the port of a removed interface is still attached")
	}
	if err := s.Detach(a1); err != nil {
		t.Error(err)
	}
	if _, err := OpenTAP(DeviceConfig{Namespace: "mcwt-none", Name: "eth0"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("opening in a namespace that is not there: %v", err)
	}
}

func dropped(f *Fabric, p Port, why Reason) (n uint64) {
	for _, c := range f.Counters() {
		for _, d := range c.Drops {
			if c.Port == p && d.Reason == why {
				n += d.Frames
			}
		}
	}
	return n
}

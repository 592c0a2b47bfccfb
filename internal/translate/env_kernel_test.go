// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"

	"macaw.example/internal/model"
	"macaw.example/internal/netdev"
	"macaw.example/internal/netdev/netdevtest"
)

var (
	eniMAC     = netdevtest.MustMAC("02:0a:0b:0c:0d:0e")
	routerMAC  = netdevtest.MustMAC("fa:16:3e:11:22:33")
	router2MAC = netdevtest.MustMAC("fa:16:3e:44:55:66")
	gatewayMAC = netdevtest.MustMAC("0e:00:00:00:00:01")

	router4, gateway4, primary4 = netip.MustParseAddr("10.99.0.10"), netip.MustParseAddr("10.99.0.1"),
		netip.MustParseAddr("10.99.0.5")
	stray4            = netip.MustParseAddr("10.99.0.11")
	router6, gateway6 = netip.MustParseAddr("fd99::10"), netip.MustParseAddr("fd99::1")
	stray6            = netip.MustParseAddr("fd99::77")
	linkLocal         = netip.MustParseAddr("fe80::f816:3eff:fe11:2233")

	registered = []Entry{{router4, routerMAC, eniMAC}, {router6, routerMAC, eniMAC}}
)

// namespace is a test's network namespace.
type namespace struct{ *netdevtest.Namespace }

func newNamespace(t testing.TB) *namespace {
	t.Helper()
	return &namespace{netdevtest.New(t, func() error {
		for _, path := range []string{"net/ipv6/conf/default/accept_dad", "net/ipv6/conf/all/accept_dad"} {
			if err := netdev.SetSysctl(path, "0"); err != nil {
				return err
			}
		}
		return nil
	})}
}

// cable joins two namespaces with a veth pair.
func cable(a *namespace, nameA string, macA model.MAC, b *namespace, nameB string, macB model.MAC, mtu int) {
	a.T.Helper()
	a.Do(func() error {
		attrs := netlink.NewLinkAttrs()
		attrs.Name, attrs.MTU, attrs.HardwareAddr = nameA, mtu, macA[:]
		return netlink.LinkAdd(&netlink.Veth{
			LinkAttrs: attrs, PeerName: nameB, PeerMTU: uint32(mtu),
			PeerHardwareAddr: macB[:], PeerNamespace: netlink.NsFd(b.FD),
		})
	})
	a.Do(func() error { return netdevtest.Up(nameA) })
	b.Do(func() error { return netdevtest.Up(nameB) })
}

func (s *namespace) addr(name, cidr string) {
	s.T.Helper()
	s.Do(func() error {
		l, err := netlink.LinkByName(name)
		if err != nil {
			return err
		}
		a, err := netlink.ParseAddr(cidr)
		if err != nil {
			return err
		}
		a.Flags = unix.IFA_F_NODAD
		return netlink.AddrAdd(l, a)
	})
}

// env is a router behind a bridge, a host with a provider NIC, and a fabric
// that drops frames from any MAC but the ENI's.
type env struct {
	t                testing.TB
	vm, host, fabric *namespace
	cfg              Config
	checker          *checker
}

func newEnv(t testing.TB, mtu int) *env {
	t.Helper()
	w := newUncheckedEnv(t, mtu)
	w.checker = newChecker(w.fabric, "vpc0", eniMAC, router4, router6, primary4)
	return w
}

func newUncheckedEnv(t testing.TB, mtu int) *env {
	t.Helper()
	return newEnvBy(t, mtu, cable)
}

// newEnvBy is newUncheckedEnv with another cable between host and fabric.
func newEnvBy(t testing.TB, mtu int,
	join func(a *namespace, nameA string, macA model.MAC, b *namespace, nameB string, macB model.MAC, mtu int)) *env {
	t.Helper()
	w := &env{t: t, vm: newNamespace(t), host: newNamespace(t), fabric: newNamespace(t)}
	w.cfg = Config{NICs: []NIC{{"eth1", primary4}}, Subnet: netip.MustParsePrefix("10.99.0.0/24"),
		PinDir: filepath.Join(t.TempDir(), "bpf")}
	w.host.Do(func() error { return netdev.SetSysctl("net/ipv6/conf/default/disable_ipv6", "1") })
	cable(w.vm, "vr0", routerMAC, w.host, "vmport", netdevtest.MustMAC("02:00:00:00:00:01"), mtu)
	join(w.host, "eth1", eniMAC, w.fabric, "vpc0", gatewayMAC, mtu)
	w.host.Do(func() error {
		attrs := netlink.NewLinkAttrs()
		attrs.Name, attrs.MTU = "br-ex", mtu
		if err := netlink.LinkAdd(&netlink.Bridge{LinkAttrs: attrs}); err != nil {
			return err
		}
		return netdevtest.Up("br-ex")
	})
	w.plug("vmport")
	w.vm.addr("vr0", "10.99.0.10/24")
	w.vm.addr("vr0", "fd99::10/64")
	w.fabric.addr("vpc0", "10.99.0.1/24")
	w.fabric.addr("vpc0", "fd99::1/64")
	return w
}

func (w *env) plug(port string) {
	w.t.Helper()
	w.host.Do(func() error {
		bridge, err := netlink.LinkByName("br-ex")
		if err != nil {
			return err
		}
		l, err := netlink.LinkByName(port)
		if err != nil {
			return err
		}
		return netlink.LinkSetMaster(l, bridge)
	})
}

// attach attaches, plugs the provider port into the bridge and syncs.
func (w *env) attach(entries ...Entry) *Translator {
	w.t.Helper()
	var tr *Translator
	w.host.Do(func() (err error) {
		if tr, err = Attach(w.cfg); err != nil {
			return err
		}
		_, err = tr.Sync(entries)
		return err
	})
	w.t.Cleanup(func() { tr.Close() })
	w.plug("mcw1")
	return tr
}

// attachAndExit attaches from another process, which ends.
func (w *env) attachAndExit() {
	w.t.Helper()
	w.host.Do(func() error {
		self := exec.Command(os.Args[0])
		self.Env = append(os.Environ(), "MACAW_TEST_ATTACH="+w.cfg.PinDir)
		if out, err := self.CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	})
}

func TestMain(m *testing.M) {
	if dir := os.Getenv("MACAW_TEST_ATTACH"); dir != "" {
		if _, err := Attach(Config{NICs: []NIC{{"eth1", primary4}}, PinDir: dir}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// pings tells whether an echo of size octets comes back within a second.
func (s *namespace) pings(from, to netip.Addr, size int) bool {
	s.T.Helper()
	return s.pingsWithin(time.Second, from, to, size)
}

// pingsWithin is for an echo that has to come back: it is sent once, but the kernel may
// have to solicit its neighbour again, after a second.
func (s *namespace) pingsWithin(limit time.Duration, from, to netip.Addr, size int) bool {
	s.T.Helper()
	network, proto := "ip4:icmp", 1
	var kind, answer icmp.Type = ipv4.ICMPTypeEcho, ipv4.ICMPTypeEchoReply
	if to.Is6() {
		network, proto = "ip6:ipv6-icmp", 58
		kind, answer = ipv6.ICMPTypeEchoRequest, ipv6.ICMPTypeEchoReply
	}
	var conn *icmp.PacketConn
	s.Do(func() (err error) {
		conn, err = icmp.ListenPacket(network, from.String())
		return err
	})
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(limit))
	body := &icmp.Echo{ID: int(time.Now().UnixNano() & 0xffff), Data: make([]byte, size)}
	wire, err := (&icmp.Message{Type: kind, Body: body}).Marshal(nil)
	if err != nil {
		s.T.Fatal(err)
	}
	if _, err := conn.WriteTo(wire, &net.IPAddr{IP: to.AsSlice()}); err != nil {
		return false
	}
	buf := make([]byte, 1<<16)
	for {
		n, _, err := conn.ReadFrom(buf)
		if err != nil {
			return false
		}
		m, err := icmp.ParseMessage(proto, buf[:n])
		if err != nil || m.Type != answer {
			continue
		}
		if e, ok := m.Body.(*icmp.Echo); ok && e.ID == body.ID && len(e.Data) == size {
			return true
		}
	}
}

const replyTimeout = 5 * time.Second

// forget empties a namespace's neighbour table.
func (s *namespace) forget() {
	s.T.Helper()
	s.Do(func() error {
		neighbours, err := netlink.NeighList(0, netlink.FAMILY_ALL)
		if err != nil {
			return err
		}
		for _, n := range neighbours {
			if n.State&netlink.NUD_NOARP == 0 {
				netlink.NeighDel(&n)
			}
		}
		return nil
	})
}

func (w *env) mustPing(what string, from *namespace, a, b netip.Addr, size int) {
	w.t.Helper()
	if !from.pingsWithin(replyTimeout, a, b, size) {
		w.t.Errorf("%s: no answer to ping of %d octets from %s to %s", what, size, a, b)
	}
}

func (w *env) bothWays(what string) {
	w.t.Helper()
	w.mustPing(what, w.vm, router4, gateway4, 56)
	w.mustPing(what, w.fabric, gateway4, router4, 56)
}

// nonZero renders counters for a comparison or a message.
func nonZero(t testing.TB, tr *Translator) string {
	t.Helper()
	counters, err := tr.Counters()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for r := range reasons {
		if c := counters[r]; c.Packets > 0 {
			fmt.Fprintf(&b, "%s=%d/%d ", r, c.Packets, c.Bytes)
		}
	}
	return b.String()
}

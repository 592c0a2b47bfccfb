// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"macaw.example/internal/model"
	"macaw.example/internal/translate"
)

// The ways to connect a router to a provider NIC.
const (
	wayNone      = "none"      // the NIC is a port of the bridge; the fabric accepts any MAC
	waySwap      = "swap"      // the same, but the router has the ENI's MAC
	wayNAT       = "nat"       // the host has the address and does NAT to a network on the bridge
	wayTranslate = "translate" // Macaw's translation
)

// addressCounts are the numbers of floating IPs that the frames are spread over.
var addressCounts = []int{1, 100, 5000, 50000}

// BenchmarkTranslation sends 64-octet packets between a router behind a bridge and the
// fabric, in both directions: UDP one way, spread over all addresses, and TCP with 10
// octets each way. One core does everything, from the sender's system call to the
// receiver's socket, so the time per packet is its CPU time. All ways are measured in
// turns, many times per run, each against "none" with the same number of addresses in the
// same turn.
//
//	go test -run '^$' -bench Translation -benchtime 60x ./test/bench
func BenchmarkTranslation(b *testing.B) {
	if os.Getuid() != 0 {
		b.Skip("needs root: network namespaces and eBPF programs")
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	core := runtime.NumCPU() - 1
	must(b, pin(core))
	defer unpin(b)

	var sites []*crossing
	for _, n := range addressCounts {
		for _, way := range []string{wayNone, waySwap, wayNAT, wayTranslate} {
			if way == waySwap && n > 1 || way == wayNAT && n > 1 {
				continue // one MAC means one router; nobody uses one NAT rule per address
			}
			if _, err := exec.LookPath("iptables"); err != nil && way == wayNAT {
				b.Log("without iptables: double NAT is left out")
				continue
			}
			sites = append(sites, newCrossing(b, way, n))
		}
	}
	type series struct{ took, ratio []float64 }
	results := map[string]*series{}
	var names []string
	for range b.N {
		base := map[string]float64{}
		for _, s := range sites {
			for _, f := range s.flows {
				each, err := f.measure()
				if err != nil {
					b.Fatalf("%s, %d addresses, %s: %v", s.way, s.addresses, f.name, err)
				}
				if s.way == wayNone {
					base[fmt.Sprint(f.name, s.addresses)] = each
				}
				name := fmt.Sprintf("%s/%s/%d", s.way, f.name, s.addresses)
				if results[name] == nil {
					results[name] = &series{}
					names = append(names, name)
				}
				results[name].took = append(results[name].took, each)
				results[name].ratio = append(results[name].ratio, each/base[fmt.Sprint(f.name, s.addresses)])
			}
		}
	}
	b.ReportMetric(0, "ns/op") // the time of a round is meaningless
	slices.Sort(names)
	// b.Log would truncate the table.
	fmt.Printf("\nmedians of %d rounds\n%-28s %10s %12s %8s\n", b.N, "way/flow/addresses", "ns/packet", "packets/s",
		"ratio")
	for _, name := range names {
		took := median(results[name].took)
		fmt.Printf("%-28s %10.0f %12.0f %8.3f\n", name, took, 1e9/took, median(results[name].ratio))
	}
}

// crossing is a router, a host with a provider NIC, and a fabric.
type crossing struct {
	way       string
	addresses int
	flows     []*flow

	router, host, fabric string // namespaces
	pins                 string // directory of the translation's pins, if there is one
}

var (
	eniMAC    = vmac("02:0a:0b:0c:0d:0e")
	routerMAC = vmac("fa:16:3e:11:22:33")
	fabricMAC = vmac("0e:00:00:00:00:01")

	fabricAddr = netip.MustParseAddr("10.99.0.1")
	behindNAT  = netip.MustParseAddr("172.24.4.10")
	firstAddr  = netip.MustParseAddr("10.100.0.1")
)

func vmac(s string) net.HardwareAddr {
	m, err := net.ParseMAC(s)
	if err != nil {
		panic(err)
	}
	return m
}

func newCrossing(b *testing.B, way string, addresses int) *crossing {
	c := &crossing{way: way, addresses: addresses, router: newNamespace(b), host: newNamespace(b), fabric: newNamespace(b)}
	for _, ns := range []string{c.router, c.host, c.fabric} {
		must(b, sysctl(ns, map[string]string{"net/ipv6/conf/all/disable_ipv6": "1", "net/ipv6/conf/default/disable_ipv6": "1",
			"net/ipv4/ip_forward": "1"}))
		must(b, links(ns, func(h *netlink.Handle) error { return setUp(h, "lo") }))
	}
	mac, nic := routerMAC, eniMAC
	if way == waySwap {
		mac, nic = eniMAC, vmac("02:00:00:00:00:98") // the NIC must have another MAC
	}
	veth(b, c.router, "vr0", mac, c.host, "vmport", nil)
	veth(b, c.host, "eth1", nic, c.fabric, "vpc0", fabricMAC)
	must(b, links(c.host, func(h *netlink.Handle) error {
		if err := h.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "br-ex", MTU: 1500,
			HardwareAddr: vmac("02:00:00:00:00:99")}}); err != nil {
			return err
		}
		return errors.Join(setUp(h, "br-ex"), plug(h, "vmport"))
	}))
	own := firstAddr
	switch way {
	case wayNone, waySwap:
		must(b, links(c.host, func(h *netlink.Handle) error { return plug(h, "eth1") }))
	case wayNAT:
		c.doubleNAT(b)
		own = behindNAT
	case wayTranslate:
		c.translate(b)
	}
	seen := mac // the router's MAC as the fabric sees it
	if way == wayTranslate || way == wayNAT {
		seen = eniMAC
	}
	if way == wayNAT {
		address(b, c.router, "vr0", "172.24.4.10/24", "172.24.4.1")
	} else {
		// All floating IPs are the router's own, as under OVN.
		routeLocal(b, c.router, "10.100.0.0/16")
		neighbour(b, c.router, "vr0", fabricAddr, fabricMAC)
		route(b, c.router, "vr0", "10.99.0.0/24", netip.Addr{})
	}
	address(b, c.fabric, "vpc0", "10.99.0.1/24", "")
	neighbour(b, c.fabric, "vpc0", netip.MustParseAddr("10.99.0.10"), seen)
	route(b, c.fabric, "vpc0", "10.100.0.0/16", netip.MustParseAddr("10.99.0.10"))

	all := make([]netip.Addr, addresses)
	for i := range all {
		all[i] = nth(i)
	}
	out := all
	if way == wayNAT {
		out = []netip.Addr{own}
	}
	c.flows = []*flow{
		newDatagrams(b, "udp-out", c.router, c.fabric, out, []netip.Addr{fabricAddr}),
		newDatagrams(b, "udp-in", c.fabric, c.router, []netip.Addr{fabricAddr}, all),
		newTransactions(b, "tcp-out", c.router, c.fabric, out[len(out)/2], fabricAddr),
		newTransactions(b, "tcp-in", c.fabric, c.router, fabricAddr, all[len(all)/2]),
	}
	return c
}

// nth returns the n-th floating IP of the range.
func nth(i int) netip.Addr {
	b := firstAddr.As4()
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, binary.BigEndian.Uint32(b[:])+uint32(i))))
}

// translate puts Macaw's translation between the NIC and the bridge.
func (c *crossing) translate(b *testing.B) {
	c.pins = filepath.Join(b.TempDir(), "bpf")
	b.Cleanup(func() { unix.Unmount(c.pins, unix.MNT_DETACH) })
	entries := make([]translate.Entry, c.addresses)
	for i := range entries {
		entries[i] = translate.Entry{Addr: nth(i), MAC: model.MAC(routerMAC)}
	}
	must(b, inNamespace(c.host, func() error {
		t, err := translate.Attach(translate.Config{NICs: []translate.NIC{{Name: "eth1"}},
			Subnet: netip.MustParsePrefix("10.100.0.0/16"), PinDir: c.pins})
		if err != nil {
			return err
		}
		_, err = t.Sync(entries)
		return errors.Join(err, t.Close())
	}))
	must(b, links(c.host, func(h *netlink.Handle) error { return plug(h, "mcw1") }))
}

// doubleNAT is today's practice on EC2: the host has the registered address, and does NAT
// to a network that exists only on the bridge, where the router has its own NAT.
func (c *crossing) doubleNAT(b *testing.B) {
	address(b, c.host, "eth1", "10.99.0.10/24", "10.99.0.1")
	address(b, c.host, "eth1", firstAddr.String()+"/32", "")
	address(b, c.host, "br-ex", "172.24.4.1/24", "")
	for _, rule := range []string{
		"-t nat -A PREROUTING -i eth1 -d " + firstAddr.String() + " -j DNAT --to-destination " + behindNAT.String(),
		"-t nat -A POSTROUTING -o eth1 -s 172.24.4.0/24 -j SNAT --to-source " + firstAddr.String(),
	} {
		must(b, inNamespace(c.host, func() error {
			out, err := exec.Command("iptables", strings.Fields(rule)...).CombinedOutput()
			if err != nil {
				return fmt.Errorf("iptables %s: %w: %s", rule, err, out)
			}
			return nil
		}))
	}
}

func veth(b *testing.B, ns, name string, mac net.HardwareAddr, peerNS, peer string, peerMAC net.HardwareAddr) {
	handle, err := os.Open(pathOf(peerNS))
	must(b, err)
	defer handle.Close()
	must(b, links(ns, func(h *netlink.Handle) error {
		if err := h.LinkAdd(&netlink.Veth{
			LinkAttrs: netlink.LinkAttrs{Name: name, MTU: 1500, HardwareAddr: mac},
			PeerName:  peer, PeerHardwareAddr: peerMAC, PeerNamespace: netlink.NsFd(handle.Fd()),
		}); err != nil {
			return err
		}
		return setUp(h, name)
	}))
	must(b, links(peerNS, func(h *netlink.Handle) error { return setUp(h, peer) }))
}

func setUp(h *netlink.Handle, name string) error {
	l, err := h.LinkByName(name)
	if err != nil {
		return err
	}
	return h.LinkSetUp(l)
}

func plug(h *netlink.Handle, port string) error {
	bridge, err := h.LinkByName("br-ex")
	if err != nil {
		return err
	}
	l, err := h.LinkByName(port)
	if err != nil {
		return err
	}
	return h.LinkSetMaster(l, bridge)
}

func neighbour(b *testing.B, ns, device string, ip netip.Addr, mac net.HardwareAddr) {
	must(b, links(ns, func(h *netlink.Handle) error {
		l, err := h.LinkByName(device)
		if err != nil {
			return err
		}
		return h.NeighSet(&netlink.Neigh{LinkIndex: l.Attrs().Index, IP: ip.AsSlice(), HardwareAddr: mac,
			State: netlink.NUD_PERMANENT})
	}))
}

func route(b *testing.B, ns, device, to string, via netip.Addr) {
	must(b, links(ns, func(h *netlink.Handle) error {
		l, err := h.LinkByName(device)
		if err != nil {
			return err
		}
		_, dst, err := net.ParseCIDR(to)
		if err != nil {
			return err
		}
		r := &netlink.Route{LinkIndex: l.Attrs().Index, Dst: dst, Scope: netlink.SCOPE_LINK}
		if via.IsValid() {
			r.Gw, r.Scope = via.AsSlice(), netlink.SCOPE_UNIVERSE
		}
		return h.RouteAdd(r)
	}))
}

// routeLocal makes all addresses of a range local to the namespace.
func routeLocal(b *testing.B, ns, to string) {
	must(b, links(ns, func(h *netlink.Handle) error {
		l, err := h.LinkByName("lo")
		if err != nil {
			return err
		}
		_, dst, err := net.ParseCIDR(to)
		if err != nil {
			return err
		}
		return h.RouteAdd(&netlink.Route{LinkIndex: l.Attrs().Index, Dst: dst, Type: unix.RTN_LOCAL,
			Table: unix.RT_TABLE_LOCAL, Scope: netlink.SCOPE_HOST})
	}))
}

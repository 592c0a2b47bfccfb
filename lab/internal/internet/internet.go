// SPDX-License-Identifier: Apache-2.0

package internet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"

	"github.com/vishvananda/netlink"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"macaw.example/lab/internal/control"
	"macaw.example/lab/internal/namespace"
)

const (
	// Namespace is where the Internet's hosts live.
	Namespace = "mcw-internet"
	// Gateway is the device that the fabric's Internet port is: what is sent
	// to it comes out of an Internet gateway.
	Gateway = "igw0"

	hostDevice = "mcw-internet" // on the operator's host
	peerDevice = "host0"        // the same cable's other end
)

// The Internet's addresses. The two ends of the cable to the operator's host
// are taken from the range of Elastic IPs, whose first addresses are given to
// nobody: so nothing but that range is touched on the host. The web server's,
// from a range for documentation (RFC 5737), exists in the namespace only.
var (
	DNS      = netip.MustParseAddr("8.8.8.8")
	Web      = netip.MustParseAddr("192.0.2.80")
	Operator = netip.MustParseAddr("198.51.100.1") // the operator's host, as a machine sees it
	peer     = netip.MustParseAddr("198.51.100.2")
	// ElasticIPs is the range that Elastic IPs are taken from.
	ElasticIPs = netip.MustParsePrefix("198.51.100.0/24")
)

// WebName is the web server's name.
const WebName = control.WebServer

// names are what the Internet's DNS knows.
var names = map[string]netip.Addr{
	WebName + ".":  Web,
	"example.com.": Web,
	"dns.google.":  DNS,

	IPv6Name + ".": IPv6Host,
}

// Up makes the namespace and its cable to the operator's host. It changes
// nothing where they are there already. The gateway device must be made by
// who carries its packets, after Up; RouteGateway then points the Internet at
// it.
func Up() error {
	if err := namespace.Add(Namespace); err != nil {
		return err
	}
	// First of all: a packet to an Elastic IP never leaves this host by its
	// default route, whatever is up or down of the lab.
	if err := fence(); err != nil {
		return err
	}
	if err := cable(); err != nil {
		return fmt.Errorf("connecting this host to the lab's Internet: %w", err)
	}
	if err := namespace.Sysctl(Namespace, map[string]string{"net/ipv4/ip_forward": "1"}); err != nil {
		return err
	}
	return upIPv6()
}

// fence is a route of last resort that refuses Elastic IPs.
func fence() error {
	r := netlink.Route{Dst: prefix(ElasticIPs), Type: unix.RTN_UNREACHABLE, Priority: 1 << 30}
	if err := netlink.RouteAdd(&r); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("keeping %s on this host: %w", ElasticIPs, err)
	}
	return nil
}

func cable() error {
	if _, err := netlink.LinkByName(hostDevice); err != nil {
		inner, err := os.Open(namespace.Path(Namespace))
		if err != nil {
			return err
		}
		defer inner.Close()
		attrs := netlink.NewLinkAttrs()
		attrs.Name = hostDevice
		if err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: peerDevice,
			PeerNamespace: netlink.NsFd(int(inner.Fd()))}); err != nil {
			return err
		}
	}
	link, err := netlink.LinkByName(hostDevice)
	if err != nil {
		return err
	}
	err = netlink.AddrReplace(link, &netlink.Addr{IPNet: single(Operator), Peer: single(peer)})
	if err != nil {
		return err
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return err
	}
	err = namespace.Links(Namespace, func(h *netlink.Handle) error {
		inner, err := h.LinkByName(peerDevice)
		if err != nil {
			return err
		}
		if err := h.AddrReplace(inner, &netlink.Addr{IPNet: single(peer), Peer: single(Operator)}); err != nil {
			return err
		}
		if err := h.LinkSetUp(inner); err != nil {
			return err
		}
		lo, err := h.LinkByName("lo")
		if err != nil {
			return err
		}
		for _, a := range []netip.Addr{DNS, Web, AWS} {
			if err := h.AddrReplace(lo, &netlink.Addr{IPNet: single(a)}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return netlink.RouteReplace(&netlink.Route{
		Dst: prefix(ElasticIPs), LinkIndex: link.Attrs().Index, Gw: peer.AsSlice(), Src: Operator.AsSlice(),
	})
}

// RouteGateway sends Elastic IPs and the VPCs' IPv6 addresses to the Internet
// gateway's device.
func RouteGateway() error {
	if err := routeIPv6(); err != nil {
		return fmt.Errorf("routing IPv6 to the Internet gateway: %w", err)
	}
	return namespace.Links(Namespace, func(h *netlink.Handle) error {
		link, err := h.LinkByName(Gateway)
		if err != nil {
			return fmt.Errorf("finding the Internet gateway's device: %w", err)
		}
		return h.RouteReplace(&netlink.Route{Dst: prefix(ElasticIPs), LinkIndex: link.Attrs().Index,
			Scope: netlink.SCOPE_LINK})
	})
}

// Down removes the namespace and everything that Up has put on this host.
func Down() error {
	if link, err := netlink.LinkByName(hostDevice); err == nil {
		if err := netlink.LinkDel(link); err != nil {
			return fmt.Errorf("removing %s: %w", hostDevice, err)
		}
	}
	if err := namespace.Delete(Namespace); err != nil {
		return err
	}
	r := netlink.Route{Dst: prefix(ElasticIPs), Type: unix.RTN_UNREACHABLE, Priority: 1 << 30}
	if err := netlink.RouteDel(&r); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("removing the route to %s: %w", ElasticIPs, err)
	}
	return nil
}

// Serve answers for the Internet's hosts, but AWS's, until ctx ends.
func Serve(ctx context.Context) error {
	var web, web6 net.Listener
	var udp net.PacketConn
	err := listen(func() (err error) {
		if web, err = net.Listen("tcp", netip.AddrPortFrom(Web, 80).String()); err != nil {
			return err
		}
		if web6, err = net.Listen("tcp", netip.AddrPortFrom(IPv6Host, 80).String()); err != nil {
			return err
		}
		udp, err = net.ListenPacket("udp", netip.AddrPortFrom(DNS, 53).String())
		return err
	})
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return ServeHTTP(ctx, web, site()) })
	g.Go(func() error { return ServeHTTP(ctx, web6, site()) })
	g.Go(func() error { return ServeDNS(ctx, udp, Lookup) })
	return g.Wait()
}

// listen calls fn in the Internet.
func listen(fn func() error) error {
	if err := namespace.Do(Namespace, fn); err != nil {
		return fmt.Errorf("serving the lab's Internet: %w", err)
	}
	return nil
}

// ServeHTTP serves until ctx ends, with a server that was adjusted.
func ServeHTTP(ctx context.Context, l net.Listener, h http.Handler, adjust ...func(*http.Server)) error {
	srv := &http.Server{Handler: h}
	for _, a := range adjust {
		a(srv)
	}
	stop := context.AfterFunc(ctx, func() { srv.Close() })
	defer stop()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// single is an address as a prefix of its full length.
func single(a netip.Addr) *net.IPNet { return prefix(netip.PrefixFrom(a, a.BitLen())) }

func prefix(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

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
	// Namespace is the network namespace of the Internet's hosts.
	Namespace = "mcw-internet"
	// Gateway is the device of the fabric's Internet port: packets sent to it enter through
	// an Internet gateway.
	Gateway = "igw0"

	hostDevice = "mcw-internet" // on the operator's host
	peerDevice = "host0"        // the veth's end in the namespace
)

// The Internet's addresses. Both ends of the veth pair to the operator's host are in the
// range of Elastic IPs, whose first addresses are never allocated; so that range is the
// only one used on the host. The web server's address, from a range for documentation (RFC
// 5737), exists only in the namespace.
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

// names are the records of the Internet's DNS.
var names = map[string]netip.Addr{
	WebName + ".":  Web,
	checkIP + ".":  Web,
	"example.com.": Web,
	"dns.google.":  DNS,

	IPv6Name + ".": IPv6Host,
}

// Up makes the namespace and its veth pair to the operator's host, unless they exist.
// Afterwards the caller creates the gateway device, whose packets it carries, and calls
// RouteGateway.
func Up() error {
	if err := namespace.Add(Namespace); err != nil {
		return err
	}
	// First of all: whatever parts of the lab are up, a packet to an Elastic IP must never
	// leave this host by its default route.
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

// fence adds a fallback route that refuses Elastic IPs.
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

// RouteGateway routes Elastic IPs and the VPCs' IPv6 addresses to the gateway device.
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

// Down removes the namespace and all of Up's changes to this host.
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

// Serve runs the services of the Internet's hosts, except AWS's, until ctx ends.
func Serve(ctx context.Context) error {
	var web, web6, operators net.Listener
	var udp net.PacketConn
	err := listen(func() (err error) {
		if web, err = net.Listen("tcp", netip.AddrPortFrom(Web, 80).String()); err != nil {
			return err
		}
		if web6, err = net.Listen("tcp", netip.AddrPortFrom(IPv6Host, 80).String()); err != nil {
			return err
		}
		// For the operator's host, which has a route to this address only.
		if operators, err = net.Listen("tcp", netip.AddrPortFrom(peer, 80).String()); err != nil {
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
	g.Go(func() error { return ServeHTTP(ctx, operators, http.HandlerFunc(tellAddress)) })
	g.Go(func() error { return ServeDNS(ctx, udp, Lookup) })
	return g.Wait()
}

// listen calls fn in the Internet's namespace.
func listen(fn func() error) error {
	if err := namespace.Do(Namespace, fn); err != nil {
		return fmt.Errorf("serving the lab's Internet: %w", err)
	}
	return nil
}

// ServeHTTP serves until ctx ends; adjust functions may change the server first.
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

// single returns an address as a prefix of full length.
func single(a netip.Addr) *net.IPNet { return prefix(netip.PrefixFrom(a, a.BitLen())) }

func prefix(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

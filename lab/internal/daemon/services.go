// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sync/errgroup"

	"macaw.example/lab/internal/imds"
	"macaw.example/lab/internal/internet"
	"macaw.example/lab/internal/namespace"
	"macaw.example/lab/internal/vpc"
)

const (
	servicesNamespace = "mcw-services"
	servicesDevice    = "svc0"
	jumbo             = 9001 // the MTU inside a VPC, in bytes (EC2 User Guide, network_mtu)
	internetMTU       = 1500 // and through an Internet gateway
)

// The link-local services of a VPC (EC2 User Guide, using-instance-addressing).
var (
	metadataService = netip.MustParseAddr("169.254.169.254")
	dnsService      = netip.MustParseAddr("169.254.169.253")
	// clients is the range from which the fabric gives each ENI an address on this side.
	clients = netip.MustParsePrefix("100.64.0.0/10")
)

// servicesUp makes the namespace of the link-local services and returns the
// device that connects it to the fabric.
func servicesUp() (*vpc.Device, error) {
	if err := namespace.Add(servicesNamespace); err != nil {
		return nil, err
	}
	// The fabric carries only IPv4 to them.
	if err := namespace.Sysctl(servicesNamespace,
		map[string]string{"net/ipv6/conf/default/disable_ipv6": "1"}); err != nil {
		return nil, err
	}
	dev, err := vpc.OpenTUN(vpc.DeviceConfig{Namespace: servicesNamespace, Name: servicesDevice, MTU: jumbo})
	if err != nil {
		return nil, err
	}
	err = namespace.Links(servicesNamespace, func(h *netlink.Handle) error {
		lo, err := h.LinkByName("lo")
		if err != nil {
			return err
		}
		for _, a := range []netip.Addr{metadataService, dnsService} {
			if err := h.AddrReplace(lo, &netlink.Addr{IPNet: &net.IPNet{IP: a.AsSlice(),
				Mask: net.CIDRMask(32, 32)}}); err != nil {
				return err
			}
		}
		link, err := h.LinkByName(servicesDevice)
		if err != nil {
			return err
		}
		return h.RouteReplace(&netlink.Route{
			Dst:       &net.IPNet{IP: clients.Addr().AsSlice(), Mask: net.CIDRMask(clients.Bits(), 32)},
			LinkIndex: link.Attrs().Index, Scope: netlink.SCOPE_LINK,
		})
	})
	if err != nil {
		return nil, errors.Join(err, dev.Close())
	}
	return dev, nil
}

// serveServices runs the link-local services until ctx ends.
func serveServices(ctx context.Context, metadata http.Handler) error {
	var web net.Listener
	var dns net.PacketConn
	err := namespace.Do(servicesNamespace, func() (err error) {
		if web, err = net.Listen("tcp", netip.AddrPortFrom(metadataService, 80).String()); err != nil {
			return err
		}
		dns, err = net.ListenPacket("udp", netip.AddrPortFrom(dnsService, 53).String())
		return err
	})
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		return internet.ServeHTTP(ctx, web, metadata, func(s *http.Server) { s.ConnContext = imds.ConnContext })
	})
	g.Go(func() error { return internet.ServeDNS(ctx, dns, resolve) })
	return g.Wait()
}

// resolve is the VPC's resolver: it knows instances by their EC2 names (EC2 User Guide,
// ec2-instance-naming) and the Internet's hosts.
func resolve(name string) (netip.Addr, bool) {
	host, domain, _ := strings.Cut(name, ".")
	if digits, ok := strings.CutPrefix(host, "ip-"); ok &&
		(domain == "ec2.internal." || strings.HasSuffix(domain, ".compute.internal.")) {
		a, err := netip.ParseAddr(strings.ReplaceAll(digits, "-", "."))
		return a, err == nil
	}
	return internet.Lookup(name)
}

// internetUp makes the lab's Internet and returns the device that connects it
// to the fabric.
func internetUp() (*vpc.Device, error) {
	if err := internet.Up(); err != nil {
		return nil, err
	}
	dev, err := vpc.OpenTUN(vpc.DeviceConfig{Namespace: internet.Namespace, Name: internet.Gateway, MTU: internetMTU})
	if err != nil {
		return nil, err
	}
	if err := internet.RouteGateway(); err != nil {
		return nil, errors.Join(err, dev.Close())
	}
	return dev, nil
}

// networkDown removes the lab's namespaces and its configuration on this host.
func networkDown() error {
	errs := []error{internet.Down(), namespace.Delete(servicesNamespace)}
	left, err := namespace.List("mcw-i-")
	errs = append(errs, err)
	for _, name := range left {
		errs = append(errs, namespace.Delete(name))
	}
	return errors.Join(errs...)
}

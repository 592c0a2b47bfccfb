// SPDX-License-Identifier: Apache-2.0

package vpc

import (
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"macaw.example/lab/internal/namespace"
)

// kernels attaches the kernel's network stack to the full topology: as eni-a1, eni-a2,
// eni-b1 and the Internet.
func kernels(t *testing.T) (f *Fabric, nsA1, nsA2, nsB1, internet string) {
	t.Helper()
	return kernelsBy(t, 1500, func(_ Port, d *Device, _ DeviceConfig) Link { return d })
}

// kernelsBy is kernels with other links to the devices, and with an MTU of the Internet's.
func kernelsBy(t *testing.T, mtu int, link func(Port, *Device, DeviceConfig) Link) (f *Fabric, nsA1, nsA2, nsB1,
	internet string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root to make network namespaces and interfaces")
	}
	nsA1, nsA2, nsB1, internet = newNamespace(t), newNamespace(t), newNamespace(t), newNamespace(t)
	f = New(Config{})
	if err := f.SetTopology(fullTopology()); err != nil {
		t.Fatal(err)
	}
	s := NewSwitch(f, slog.New(slog.DiscardHandler))
	t.Cleanup(func() { s.Close() })
	for p, cfg := range map[Port]DeviceConfig{
		a1: {Namespace: nsA1, Name: "eth0", MAC: macA1, MTU: 9001}, a2: {Namespace: nsA2, Name: "eth0", MAC: macA2,
			MTU: 9001},
		b1: {Namespace: nsB1, Name: "eth0", MAC: macB1, MTU: 9001}, Internet: {Namespace: internet, Name: "internet",
			MTU: mtu},
	} {
		open := OpenTAP
		if p == Internet {
			open = OpenTUN
		}
		d, err := open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Attach(p, link(p, d, cfg)); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if t.Failed() {
			for _, d := range f.Drops() {
				t.Log(d.Reason, d.Port, d.Summary)
			}
		}
	})
	return f, nsA1, nsA2, nsB1, internet
}

// eventually waits for an asynchronous effect in the kernel.
func eventually(t *testing.T, what string, done func() error) {
	t.Helper()
	var err error
	for range 100 {
		if err = done(); err == nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("%s: %v", what, err)
}

func hasDefault6(ns string) error {
	return links(ns, "eth0", func(h *netlink.Handle, l netlink.Link) error {
		routes, err := h.RouteList(l, netlink.FAMILY_V6)
		if err != nil {
			return err
		}
		for _, r := range routes {
			if (r.Dst == nil || r.Dst.IP.IsUnspecified()) && r.Gw.String() == gwA6 {
				return nil
			}
		}
		return os.ErrNotExist
	})
}

// usable tells whether an address has passed duplicate address detection.
func usable(ns, address string) error {
	return links(ns, "eth0", func(h *netlink.Handle, l netlink.Link) error {
		all, err := h.AddrList(l, netlink.FAMILY_V6)
		if err != nil {
			return err
		}
		for _, a := range all {
			if a.IP.String() == address {
				if a.Flags&syscall.IFA_F_TENTATIVE != 0 || a.Flags&syscall.IFA_F_DADFAILED != 0 {
					return os.ErrDeadlineExceeded
				}
				return nil
			}
		}
		return os.ErrNotExist
	})
}

// connects opens a TCP connection from one namespace to a listener in another.
func connects(server, client, address string) error {
	var l net.Listener
	err := namespace.Do(server, func() (err error) {
		l, err = net.Listen("tcp", netip.AddrPortFrom(netip.MustParseAddr(address), 80).String())
		return err
	})
	if err != nil {
		return err
	}
	defer l.Close()
	return namespace.Do(client, func() error {
		c, err := net.DialTimeout("tcp", l.Addr().String(), 2*time.Second)
		if err != nil {
			return err
		}
		return c.Close()
	})
}

// The kernel discovers its router, accepts a registered address as no duplicate, and
// reaches the subnet and the Internet.
func TestKernelIPv6(t *testing.T) {
	t.Parallel()
	_, nsA1, nsA2, nsB1, internet := kernels(t)
	for ns, address := range map[string]string{nsA1: v6A1, nsA2: v6A2} {
		setUp(t, ns, "eth0", address+"/128", "")
		eventually(t, "a default route by router advertisement", func() error { return hasDefault6(ns) })
		eventually(t, address, func() error { return usable(ns, address) })
	}
	setUp(t, internet, "internet", far6+"/128", "", "2001:db8:1000::/36")
	setUp(t, internet, "internet", "8.8.8.8/32", "", "198.51.100.0/24")
	setUp(t, nsB1, "eth0", "10.0.1.31/24", "10.0.1.1", "0.0.0.0/0")
	eventually(t, "a neighbour", func() error { return connects(nsA2, nsA1, v6A2) })
	eventually(t, "the Internet", func() error { return connects(internet, nsA1, far6) })
	eventually(t, "from the Internet", func() error { return connects(nsA1, internet, v6A1) })
	eventually(t, "through the NAT gateway", func() error { return connects(internet, nsB1, "8.8.8.8") })
}

// Debian's systemd-networkd gets an address and a route by itself.
func TestKernelNetworkd(t *testing.T) {
	t.Parallel()
	const networkd = "/usr/lib/systemd/systemd-networkd"
	if _, err := os.Stat(networkd); err != nil {
		t.Skip("needs systemd-networkd: ", err)
	}
	_, nsA1, nsA2, _, _ := kernels(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "eth0.network"),
		[]byte("[Match]\nName=eth0\n[Network]\nDHCP=yes\nIPv6AcceptRA=yes\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	// A private mount namespace keeps networkd away from this host's files.
	script := `set -e
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/network /run/systemd/netif/links /run/systemd/netif/leases
cp "$1" /run/systemd/network/
chmod 755 /run/systemd/netif
chown -R systemd-network /run/systemd/netif
mount -t sysfs -o ro sysfs /sys
exec ` + networkd
	cmd := exec.Command("nsenter", "--net="+namespace.Path(nsA1), "unshare", "--mount", "sh", "-c", script, "sh",
		filepath.Join(dir, "eth0.network"))
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		cmd.Process.Kill()
		cmd.Wait()
		if b, err := os.ReadFile(log.Name()); err == nil && t.Failed() {
			t.Logf("networkd: %s", b)
		}
	}()
	eventually(t, "a default route by router advertisement", func() error { return hasDefault6(nsA1) })
	eventually(t, "the address by DHCPv6", func() error { return usable(nsA1, v6A1) })
	setUp(t, nsA2, "eth0", v6A2+"/128", "")
	eventually(t, "a neighbour", func() error { return connects(nsA2, nsA1, v6A2) })
}

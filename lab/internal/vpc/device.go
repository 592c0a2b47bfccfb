// SPDX-License-Identifier: Apache-2.0

package vpc

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"macaw.example/internal/netdev"
	"macaw.example/lab/internal/namespace"
)

// DeviceConfig describes a TAP or TUN interface.
type DeviceConfig struct {
	// Namespace is the name of the interface's network namespace; empty for the caller's.
	Namespace string
	Name      string // of the interface, such as ens5
	MAC       MAC    // of a TAP; a TUN has none
	MTU       int    // in bytes
}

// Device is the fabric's end of a TAP or TUN interface. Read returns what the kernel sends
// through the interface; the kernel receives there what Write sends.
//
// The interface has the offloads of a NIC, as ENA has them: the kernel may send GSO frames of
// TCP and UDP, up to 64 KiB, and leave checksums to it, unless they are turned off there
// (ethtool -K ens5 tso off tx off). Read returns ordinary frames with their checksums, and GSO
// frames as they are. The kernel gets a GSO frame whole if it would merge its frames anyway,
// and frame by frame if GRO is off (ethtool -K ens5 gro off).
//
// The interface persists, without carrier, when the device is closed; opening it again with
// the same configuration restores it. So the process may be replaced while a machine runs.
// An open device keeps its network namespace alive even after the namespace's name is
// removed: close it when the machine is removed.
type Device struct {
	file *os.File
	raw  syscall.RawConn
	at   int // where the IP header of a frame begins
	gro  *netdev.GRO
	// reading holds the frame that was read, with its header. A device has one reader.
	reading *transfer
}

// OpenTAP creates or reopens an Ethernet interface, sets its MAC and MTU, and brings it up.
func OpenTAP(cfg DeviceConfig) (*Device, error) { return openDevice(cfg, unix.IFF_TAP) }

// OpenTUN creates or reopens an interface for raw IP packets, sets its MTU, and brings it
// up. Addresses and routes are left to the caller.
func OpenTUN(cfg DeviceConfig) (*Device, error) { return openDevice(cfg, unix.IFF_TUN) }

func openDevice(cfg DeviceConfig, kind uint16) (d *Device, err error) {
	err = inside(cfg.Namespace, func() error {
		fd, err := openTun(cfg.Name, kind)
		if err != nil {
			return err
		}
		// Non-blocking, so that the runtime polls the file and Close ends a Read.
		if d, err = newDevice(os.NewFile(uintptr(fd), "tun:"+cfg.Name), kind); err != nil {
			return err
		}
		if err := configure(cfg, kind); err != nil {
			return errors.Join(err, d.Close())
		}
		enter := func(fn func() error) error { return inside(cfg.Namespace, fn) }
		if d.gro, err = netdev.WatchGRO(cfg.Name, enter); err != nil {
			return errors.Join(err, d.Close())
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("opening interface %s: %w", cfg.Name, err)
	}
	return d, nil
}

func openTun(name string, kind uint16) (fd int, err error) {
	fd, err = unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return -1, fmt.Errorf("opening /dev/net/tun: %w", err)
	}
	defer func() {
		if err != nil {
			unix.Close(fd)
		}
	}()
	ifr, err := unix.NewIfreq(name)
	if err != nil {
		return -1, err
	}
	ifr.SetUint16(kind | unix.IFF_NO_PI | unix.IFF_VNET_HDR)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, ifr); err != nil {
		return -1, fmt.Errorf("attaching to the interface: %w", err)
	}
	if err := offer(fd); err != nil {
		return -1, err
	}
	if err := unix.IoctlSetInt(fd, unix.TUNSETPERSIST, 1); err != nil {
		return -1, fmt.Errorf("making the interface persistent: %w", err)
	}
	return fd, nil
}

// offer turns the offloads on that the kernel may use when it sends.
func offer(fd int) error {
	const tcp = unix.TUN_F_CSUM | unix.TUN_F_TSO4 | unix.TUN_F_TSO6 | unix.TUN_F_TSO_ECN
	err := unix.IoctlSetInt(fd, unix.TUNSETOFFLOAD, tcp|unix.TUN_F_USO4|unix.TUN_F_USO6)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.2: without UDP
		err = unix.IoctlSetInt(fd, unix.TUNSETOFFLOAD, tcp)
	}
	if err != nil {
		return fmt.Errorf("turning offloads on: %w", err)
	}
	return nil
}

func configure(cfg DeviceConfig, kind uint16) error {
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("opening netlink: %w", err)
	}
	defer h.Close()
	link, err := h.LinkByName(cfg.Name)
	if err != nil {
		return fmt.Errorf("finding the interface: %w", err)
	}
	attrs := link.Attrs()
	if kind == unix.IFF_TAP && attrs.HardwareAddr.String() != cfg.MAC.String() {
		if err := h.LinkSetHardwareAddr(link, net.HardwareAddr(cfg.MAC[:])); err != nil {
			return fmt.Errorf("setting MAC %s: %w", cfg.MAC, err)
		}
	}
	if attrs.MTU != cfg.MTU {
		if err := h.LinkSetMTU(link, cfg.MTU); err != nil {
			return fmt.Errorf("setting MTU %d: %w", cfg.MTU, err)
		}
	}
	if err := h.LinkSetUp(link); err != nil {
		return fmt.Errorf("bringing it up: %w", err)
	}
	return nil
}

// RemoveDevice removes a TAP or TUN interface in a namespace, as in DeviceConfig. An
// interface that does not exist is no error.
func RemoveDevice(ns, name string) error {
	err := inside(ns, func() error {
		h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
		if err != nil {
			return fmt.Errorf("opening netlink: %w", err)
		}
		defer h.Close()
		link, err := h.LinkByName(name)
		if errors.As(err, new(netlink.LinkNotFoundError)) {
			return nil
		}
		if err != nil {
			return err
		}
		return h.LinkDel(link)
	})
	if err != nil {
		return fmt.Errorf("removing interface %s: %w", name, err)
	}
	return nil
}

// inside calls fn in the named network namespace, or in the caller's if the name is empty.
func inside(name string, fn func() error) error {
	if name == "" {
		return fn()
	}
	return namespace.Do(name, fn)
}

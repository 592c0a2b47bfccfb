package translate

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unsafe"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// makePair makes the veth pair if it is missing and puts it right: MTU as the
// NIC's, no ARP, no IPv6, no offloads on our end. It returns our end.
func makePair(names [2]string, mtu int) (netlink.Link, error) {
	ours, err := netlink.LinkByName(names[0])
	if errors.As(err, new(netlink.LinkNotFoundError)) {
		attrs := netlink.NewLinkAttrs()
		attrs.Name, attrs.MTU = names[0], mtu
		err = netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: names[1], PeerMTU: uint32(mtu)})
		if err != nil {
			return nil, fmt.Errorf("making veth pair %s and %s: %w", names[0], names[1], err)
		}
		ours, err = netlink.LinkByName(names[0])
	}
	if err != nil {
		return nil, fmt.Errorf("finding interface %s: %w", names[0], err)
	}
	theirs, err := netlink.LinkByName(names[1])
	if err != nil {
		return nil, fmt.Errorf("finding interface %s, the other end of %s: %w", names[1], names[0], err)
	}
	if ours.Type() != "veth" || ours.Attrs().ParentIndex != theirs.Attrs().Index {
		return nil, fmt.Errorf("interfaces %s and %s exist and are not the two ends of a veth pair", names[0], names[1])
	}
	for _, link := range []netlink.Link{ours, theirs} {
		if err := settle(link, mtu); err != nil {
			return nil, err
		}
	}
	// A datapath in user space reads whole frames with full checksums from
	// mcw1 only if the kernel finishes them on the way out of mcw0.
	if err := offloadsOff(names[0]); err != nil {
		return nil, err
	}
	return ours, nil
}

// settle makes one end of the pair a mere cable.
func settle(link netlink.Link, mtu int) error {
	name := link.Attrs().Name
	if err := setSysctl("net/ipv6/conf/"+name+"/disable_ipv6", "1"); err != nil {
		return err
	}
	if link.Attrs().MTU != mtu {
		if err := netlink.LinkSetMTU(link, mtu); err != nil {
			return fmt.Errorf("setting MTU of %s to %d: %w", name, mtu, err)
		}
	}
	if link.Attrs().RawFlags&unix.IFF_NOARP == 0 {
		if err := netlink.LinkSetARPOff(link); err != nil {
			return fmt.Errorf("switching off ARP on %s: %w", name, err)
		}
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return fmt.Errorf("setting %s up: %w", name, err)
	}
	return nil
}

// setSysctl writes a value, given by its path below /proc/sys, unless it is
// set already: in a container it may be read-only and right.
func setSysctl(path, value string) error {
	file := filepath.Join("/proc/sys", path)
	seen, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // a kernel without IPv6
	}
	if err == nil && strings.TrimSpace(string(seen)) == value {
		return nil
	}
	if err := os.WriteFile(file, []byte(value), 0); err != nil {
		return fmt.Errorf("setting sysctl %s to %s: %w", path, value, err)
	}
	return nil
}

// offloadsOff switches off transmit checksums, TSO and GSO, as
// ethtool -K NAME tx off tso off gso off.
func offloadsOff(name string) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("opening socket for ethtool: %w", err)
	}
	defer unix.Close(fd)
	// The order matters: TSO depends on checksums.
	for _, command := range []uint32{unix.ETHTOOL_STSO, unix.ETHTOOL_SGSO, unix.ETHTOOL_STXCSUM} {
		value := struct{ command, data uint32 }{command: command}
		request := struct {
			name [unix.IFNAMSIZ]byte
			data unsafe.Pointer
			_    [16]byte
		}{data: unsafe.Pointer(&value)}
		copy(request.name[:unix.IFNAMSIZ-1], name)
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request))); errno != 0 {
			return fmt.Errorf("switching off offloads of %s: %w", name, errno)
		}
	}
	return nil
}

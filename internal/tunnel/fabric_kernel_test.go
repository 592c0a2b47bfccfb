// SPDX-License-Identifier: Apache-2.0

package tunnel

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"macaw.example/internal/model"
	"macaw.example/internal/netdev/netdevtest"
)

// fabric carries frames between hosts as AWS does: it takes a frame only from an ENI's own
// MAC and address, answers ARP itself, with the MAC of the ENI or of the subnet's router,
// and floods nothing.
type fabric struct {
	*namespace
	mu     sync.Mutex
	hosts  []*attached
	faults []string // frames that AWS drops, and no host should send
}

// attached is a host's ENI.
type attached struct {
	*host
	fd int
}

// routerMAC is the MAC of each subnet's router.
var routerMAC = netdevtest.MustMAC("0e:00:00:00:00:01")

func newFabric(t testing.TB) *fabric { return &fabric{namespace: newNamespace(t)} }

// attach makes the fabric carry a host's frames; end is the host's cable's other end.
func (f *fabric) attach(h *host, end string) {
	f.T.Helper()
	a := &attached{host: h}
	f.Do(func() (err error) {
		l, err := netlink.LinkByName(end)
		if err != nil {
			return err
		}
		if a.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		if err := unix.SetsockoptInt(a.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 16<<20); err != nil {
			return err
		}
		// A read returns now and then, to see whether the test has ended.
		if err := unix.SetsockoptTimeval(a.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 100_000}); err != nil {
			return err
		}
		return unix.Bind(a.fd, &unix.SockaddrLinklayer{Protocol: htons(unix.ETH_P_ALL), Ifindex: l.Attrs().Index})
	})
	f.mu.Lock()
	f.hosts = append(f.hosts, a)
	f.mu.Unlock()
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for buf := make([]byte, 1<<16); ; {
			select {
			case <-stop:
				return
			default:
			}
			n, from, err := unix.Recvfrom(a.fd, buf, 0)
			if ll, ok := from.(*unix.SockaddrLinklayer); err == nil && ok && ll.Pkttype != unix.PACKET_OUTGOING {
				f.forward(a, slices.Clone(buf[:n]))
			}
		}
	}()
	f.T.Cleanup(func() {
		close(stop)
		<-stopped
		unix.Close(a.fd)
	})
}

func (f *fabric) fault(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = append(f.faults, fmt.Sprintf(format, args...))
}

func (f *fabric) noFaults() {
	f.T.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.faults) > 0 {
		f.T.Errorf("AWS drops %d frames that were sent, such as %s", len(f.faults), f.faults[0])
	}
}

func (f *fabric) owner(address netip.Addr) *attached {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, h := range f.hosts {
		if h.cfg.Address.Addr() == address {
			return h
		}
	}
	return nil
}

// forward handles one frame that a host has sent.
func (f *fabric) forward(from *attached, frame []byte) {
	if len(frame) < 34 {
		f.fault("%d octets", len(frame))
		return
	}
	to, source, kind := model.MAC(frame), model.MAC(frame[6:]), binary.BigEndian.Uint16(frame[12:])
	if source != from.cfg.NIC {
		f.fault("one from %s, which is not the ENI's MAC %s: %x", source, from.cfg.NIC, frame[:min(len(frame), 64)])
		return
	}
	switch {
	case kind == unix.ETH_P_ARP && len(frame) >= 42:
		f.answer(from, frame)
	case kind == unix.ETH_P_IP:
		f.deliver(from, to, frame)
	default:
		f.fault("one of type %#x", kind)
	}
}

func (f *fabric) answer(from *attached, frame []byte) {
	sender, _ := netip.AddrFromSlice(frame[28:32])
	target, _ := netip.AddrFromSlice(frame[38:42])
	if sender != from.cfg.Address.Addr() || model.MAC(frame[22:]) != from.cfg.NIC {
		f.fault("ARP from %s (%s)", sender, model.MAC(frame[22:]))
		return
	}
	if operation := binary.BigEndian.Uint16(frame[20:]); operation != 1 {
		return
	}
	mac := routerMAC
	if target != from.cfg.router() {
		h := f.owner(target)
		if h == nil || !from.cfg.Address.Masked().Contains(target) {
			return
		}
		mac = h.cfg.NIC
	}
	reply := slices.Clone(frame[:42])
	copy(reply, from.cfg.NIC[:])
	copy(reply[6:], mac[:])
	reply[21] = 2
	copy(reply[22:], mac[:])
	copy(reply[28:], target.AsSlice())
	copy(reply[32:], from.cfg.NIC[:])
	copy(reply[38:], sender.AsSlice())
	unix.Write(from.fd, reply)
}

func (f *fabric) deliver(from *attached, to model.MAC, frame []byte) {
	source, _ := netip.AddrFromSlice(frame[26:30])
	target, _ := netip.AddrFromSlice(frame[30:34])
	h := f.owner(target)
	switch {
	case source != from.cfg.Address.Addr():
		f.fault("one from address %s", source)
		return
	case h == nil:
		return
	case to == routerMAC && from.cfg.Address.Masked().Contains(target):
		f.fault("one to %s in the own subnet by the router", target)
		return
	case to == routerMAC:
		copy(frame[6:], routerMAC[:])
	case to != h.cfg.NIC || !from.cfg.Address.Masked().Contains(target):
		f.fault("one to %s at %s", target, to)
		return
	}
	copy(frame, h.cfg.NIC[:])
	unix.Write(h.fd, frame)
}

// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"macaw.example/internal/model"
)

// checker reads every frame that reaches a fabric's interface, and notes as faults those
// that AWS would drop; frames from a foreign MAC are dropped after it has read them.
type checker struct {
	eni     model.MAC
	allowed []netip.Addr
	mu      sync.Mutex
	faults  []string
	frames  [][]byte
}

// newChecker checks the frames of an ENI, on which addresses are registered.
func newChecker(s *namespace, name string, eni model.MAC, allowed ...netip.Addr) *checker {
	s.T.Helper()
	c := &checker{eni: eni, allowed: allowed}
	fd := s.tap(name)
	s.Do(func() error { return onlyFrom(name, eni) })
	done := make(chan struct{})
	s.T.Cleanup(func() { <-done; unix.Close(fd) })
	stop := make(chan struct{})
	s.T.Cleanup(func() { close(stop) })
	go func() {
		defer close(done)
		buf := make([]byte, 1<<16)
		for {
			select {
			case <-stop:
				return
			default:
			}
			n, from, err := unix.Recvfrom(fd, buf, 0)
			if err != nil {
				continue // a timeout: see whether to stop
			}
			if sll, ok := from.(*unix.SockaddrLinklayer); ok && sll.Pkttype != unix.PACKET_OUTGOING {
				c.check(append([]byte(nil), buf[:n]...))
			}
		}
	}()
	return c
}

// allow replaces the registered addresses.
func (c *checker) allow(addrs ...netip.Addr) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.allowed = addrs
}

// tap opens a packet socket on an interface of the namespace.
func (s *namespace) tap(name string) int {
	s.T.Helper()
	var fd int
	s.Do(func() (err error) {
		l, err := netlink.LinkByName(name)
		if err != nil {
			return err
		}
		all := uint16(unix.ETH_P_ALL)<<8 | uint16(unix.ETH_P_ALL)>>8
		if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(all)); err != nil {
			return err
		}
		if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO,
			&unix.Timeval{Usec: 20000}); err != nil {
			return err
		}
		return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: l.Attrs().Index})
	})
	return fd
}

// send puts frames on the wire of an interface.
func (s *namespace) send(name string, frames ...[]byte) {
	s.T.Helper()
	fd := s.tap(name)
	defer unix.Close(fd)
	for _, f := range frames {
		if _, err := unix.Write(fd, f); err != nil {
			s.T.Fatalf("sending on %s: %v", name, err)
		}
	}
}

// onlyFrom drops what other MACs send, after packet sockets saw it.
func onlyFrom(name string, mac model.MAC) error {
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type: ebpf.SchedCLS,
		Instructions: asm.Instructions{
			asm.Mov.Reg(asm.R6, asm.R1),
			asm.LoadAbs(6, asm.Word),
			asm.LoadImm(asm.R1, int64(binary.BigEndian.Uint32(mac[:4])), asm.DWord),
			asm.JNE.Reg(asm.R0, asm.R1, "drop"),
			asm.LoadAbs(10, asm.Half),
			asm.JNE.Imm(asm.R0, int32(binary.BigEndian.Uint16(mac[4:])), "drop"),
			asm.Mov.Imm(asm.R0, 0),
			asm.Return(),
			asm.Mov.Imm(asm.R0, 2).WithSymbol("drop"),
			asm.Return(),
		},
		License: "GPL",
	})
	if err != nil {
		return err
	}
	defer p.Close()
	l, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	// The link stays open as long as the test's process lives.
	_, err = link.AttachTCX(link.TCXOptions{Interface: l.Attrs().Index, Program: p, Attach: ebpf.AttachTCXIngress})
	return err
}

func (c *checker) check(f []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.frames = append(c.frames, f)
	if len(f) < 14 || model.MAC(f[6:12]) != c.eni {
		c.faults = append(c.faults, fmt.Sprintf("foreign MAC: %x", f))
		return
	}
	var source netip.Addr
	switch kind := binary.BigEndian.Uint16(f[12:]); {
	case kind == 0x800 && len(f) >= 34:
		source = netip.AddrFrom4([4]byte(f[26:30]))
	case kind == 0x806 && len(f) >= 42:
		source = netip.AddrFrom4([4]byte(f[28:32]))
		if model.MAC(f[22:28]) != c.eni {
			c.faults = append(c.faults, fmt.Sprintf("foreign ARP sender: %x", f))
		}
	case kind == 0x86dd && len(f) >= 54:
		source = netip.AddrFrom16([16]byte(f[22:38]))
		if f[20] == 58 && len(f) >= 86 && (f[54] == 135 || f[54] == 136) && model.MAC(f[80:86]) != c.eni {
			c.faults = append(c.faults, fmt.Sprintf("foreign ND option: %x", f))
		}
		if f[20] == 58 && sum(f[:54+int(binary.BigEndian.Uint16(f[18:]))]) != 0xffff {
			c.faults = append(c.faults, fmt.Sprintf("checksum: %x", f))
		}
	}
	if !slices.Contains(c.allowed, source) {
		c.faults = append(c.faults, fmt.Sprintf("source %s: %x", source, f))
	}
}

// takeFaults returns the faults since the last call.
func (c *checker) takeFaults() []string {
	time.Sleep(50 * time.Millisecond) // for frames under way, and the reader
	c.mu.Lock()
	defer c.mu.Unlock()
	faults := c.faults
	c.faults, c.frames = nil, nil
	return faults
}

// saw tells whether a frame that satisfies match arrived, within a second.
func (c *checker) saw(match func([]byte) bool) bool {
	for range 50 {
		c.mu.Lock()
		for _, f := range c.frames {
			if match(f) {
				c.mu.Unlock()
				return true
			}
		}
		c.mu.Unlock()
		time.Sleep(20 * time.Millisecond)
	}
	return false
}

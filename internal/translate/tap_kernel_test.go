// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"errors"
	"os"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"macaw.example/internal/model"
	"macaw.example/internal/netdev/netdevtest"
)

// openTAP makes a TAP interface with the offloads that the lab's have, and returns its file.
func (s *namespace) openTAP(name string, mac model.MAC, mtu int) (file *os.File) {
	s.T.Helper()
	s.Do(func() error {
		fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
		if err != nil {
			return err
		}
		request, err := unix.NewIfreq(name)
		if err != nil {
			return err
		}
		request.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI | unix.IFF_VNET_HDR)
		if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, request); err != nil {
			return err
		}
		const tcp = unix.TUN_F_CSUM | unix.TUN_F_TSO4 | unix.TUN_F_TSO6 | unix.TUN_F_TSO_ECN
		err = unix.IoctlSetInt(fd, unix.TUNSETOFFLOAD, tcp|unix.TUN_F_USO4|unix.TUN_F_USO6)
		if errors.Is(err, unix.EINVAL) { // before Linux 6.2
			err = unix.IoctlSetInt(fd, unix.TUNSETOFFLOAD, tcp)
		}
		if err != nil {
			return err
		}
		file = os.NewFile(uintptr(fd), name) // a file is polled only once it has an interface
		l, err := netlink.LinkByName(name)
		if err != nil {
			return err
		}
		if err := errors.Join(netlink.LinkSetHardwareAddr(l, mac[:]), netlink.LinkSetMTU(l, mtu)); err != nil {
			return err
		}
		return netdevtest.Up(name)
	})
	s.T.Cleanup(func() { file.Close() })
	return file
}

// tapCable joins two namespaces as the lab does: by a program between two TAP interfaces, which passes the frames of
// TCP and UDP of up to 64 KiB whole.
func tapCable(a *namespace, nameA string, macA model.MAC, b *namespace, nameB string, macB model.MAC, mtu int) {
	a.T.Helper()
	one, other := a.openTAP(nameA, macA, mtu), b.openTAP(nameB, macB, mtu)
	carry := func(from, to *os.File) {
		for buf := make([]byte, 1<<17); ; {
			n, err := from.Read(buf)
			if errors.Is(err, os.ErrClosed) {
				return
			}
			if err == nil {
				_, _ = to.Write(buf[:n])
			}
		}
	}
	go carry(one, other)
	go carry(other, one)
}

// On the lab the NIC is a TAP interface, and the frames that it gets are of a kind that the kernel has to look at
// itself (SKB_GSO_DODGY, its data in pages).
func TestOffloadsOfTAP(t *testing.T) {
	for _, mtu := range []int{1500, 9001} {
		w := &offloadEnv{env: newEnvBy(t, mtu, tapCable), mtu: mtu}
		tr := w.attach(registered...)
		for _, r := range w.routes() {
			w.mustPassWhole(tr, r, func() { r.stream(t, streamOctets) })
		}
		size, batch := mtu-48, 60000/(mtu-48) // 40 for IPv6, 8 for UDP
		for _, r := range w.routes() {
			w.mustPassWhole(tr, r, func() {
				if err := r.datagrams(t, size, batch, 20); err != nil {
					t.Error(err)
				}
			})
		}
		for _, r := range w.routes() {
			w.mustPing("ping", r.from, r.a, r.b, 20000)
		}
	}
}

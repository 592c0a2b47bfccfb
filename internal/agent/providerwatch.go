// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"time"

	"github.com/mdlayher/packet"
	"golang.org/x/sys/unix"

	"macaw.example/internal/model"
	"macaw.example/internal/netdev"
)

// The provider subnet's router is asked for its MAC five times a second. On AWS the hypervisor answers for it,
// whatever else happens in the VPC, so that no answer means that the ENI or the NIC is dead.
const (
	routerEvery = 200 * time.Millisecond
	routerLost  = time.Second
)

// providerWatch watches whether anything passes between the first provider NIC and its subnet. Tunnels
// between nodes, which OVN watches, use another NIC.
type providerWatch struct {
	mac     model.MAC
	primary netip.Addr
	router  netip.Addr
	find    func(model.MAC) (string, error)
	reason  atomic.Pointer[string] // why nothing passes
}

func newProviderWatch(c Config, k kernel) *providerWatch {
	return &providerWatch{mac: c.NICMAC, primary: c.Primary, router: c.Subnet.Masked().Addr().Next(), find: k.findNIC}
}

// dead is why nothing passes; empty: it does, or it is too early to tell.
func (w *providerWatch) dead() string {
	if reason := w.reason.Load(); reason != nil {
		return *reason
	}
	return ""
}

// run watches until ctx is done.
func (w *providerWatch) run(ctx context.Context) {
	for ctx.Err() == nil {
		err := w.watch(ctx)
		if ctx.Err() != nil {
			return
		}
		reason := err.Error()
		w.reason.Store(&reason)
		sleep(ctx, routerEvery)
	}
}

// watch asks the router until something is wrong with the NIC.
func (w *providerWatch) watch(ctx context.Context) error {
	name, err := w.find(w.mac)
	if err != nil {
		return fmt.Errorf("the provider NIC is not there: %w", err)
	}
	nic, err := net.InterfaceByName(name)
	if err != nil {
		return fmt.Errorf("the provider NIC is not there: %w", err)
	}
	conn, err := packet.Listen(nic, packet.Raw, unix.ETH_P_ARP, nil)
	if err != nil {
		return fmt.Errorf("opening a socket at provider NIC %s: %w", name, err)
	}
	defer conn.Close()
	request := netdev.ARPRequest(w.mac, w.primary, w.router)
	everybody := &packet.Addr{HardwareAddr: net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}
	answered := time.Now()
	for ctx.Err() == nil {
		next := time.Now().Add(routerEvery)
		if _, err := conn.WriteTo(request, everybody); err != nil {
			return fmt.Errorf("sending at provider NIC %s: %w", name, err)
		}
		got, err := w.hears(conn, next)
		if err != nil {
			return fmt.Errorf("receiving at provider NIC %s: %w", name, err)
		}
		switch now := time.Now(); {
		case got:
			answered = now
			w.reason.Store(nil)
		case now.Sub(answered) > routerLost:
			reason := fmt.Sprintf("the provider subnet's router, %s, does not answer ARP", w.router)
			w.reason.Store(&reason)
		}
		sleep(ctx, time.Until(next))
	}
	return ctx.Err()
}

// hears tells whether the router answers by a time.
func (w *providerWatch) hears(conn *packet.Conn, by time.Time) (bool, error) {
	if err := conn.SetReadDeadline(by); err != nil {
		return false, err
	}
	frame := make([]byte, 128)
	for {
		n, _, err := conn.ReadFrom(frame)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if isReply(frame[:n], w.router) {
			return true, nil
		}
	}
}

const arpLength = 14 + 28 // Ethernet header and ARP

// isReply tells whether a frame is an ARP reply of an address.
func isReply(frame []byte, of netip.Addr) bool {
	return len(frame) >= arpLength && binary.BigEndian.Uint16(frame[12:]) == unix.ETH_P_ARP &&
		binary.BigEndian.Uint16(frame[20:]) == 2 && bytes.Equal(frame[28:32], of.AsSlice())
}

// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// filterPriority and filterHandle are those of our filter where the kernel has no tcx.
// Fixed ones make a replacement atomic.
const (
	filterPriority = 1
	filterHandle   = 1
)

// hook is a program at a device's tc hook.
type hook struct {
	program *ebpf.Program
	device  int    // ifindex
	name    string // of the device, for messages
	egress  bool   // or ingress
	tcx     bool   // or a clsact filter, at ingress only
	pin     string
}

// attach attaches the program so that it stays when this process ends. A program that an
// earlier process attached there is replaced without losing a frame. A clsact filter has
// no pin. The error is ebpf.ErrNotSupported where the kernel has no tcx.
func (h hook) attach() error {
	if !h.tcx {
		return h.attachClsact()
	}
	old, err := link.LoadPinnedLink(h.pin, nil)
	switch {
	case err == nil:
		defer old.Close()
		if linkedTo(old, h) {
			return old.Update(h.program)
		}
		// The device was replaced, or another version attached it elsewhere.
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("loading pinned link %s: %w", h.pin, err)
	}

	fresh, err := link.AttachTCX(link.TCXOptions{Interface: h.device, Program: h.program, Attach: h.attachType()})
	if err != nil {
		return err
	}
	defer fresh.Close()
	if err := os.Remove(h.pin); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return fresh.Pin(h.pin)
}

func (h hook) attachType() ebpf.AttachType {
	if h.egress {
		return ebpf.AttachTCXEgress
	}
	return ebpf.AttachTCXIngress
}

// attachClsact is attach for kernels without tcx.
func (h hook) attachClsact() error {
	qdisc := &netlink.Clsact{QdiscAttrs: netlink.QdiscAttrs{
		LinkIndex: h.device,
		Handle:    netlink.MakeHandle(0xffff, 0),
		Parent:    netlink.HANDLE_CLSACT,
	}}
	if err := netlink.QdiscAdd(qdisc); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("adding clsact qdisc: %w", err)
	}
	return netlink.FilterReplace(&netlink.BpfFilter{
		FilterAttrs: netlink.FilterAttrs{
			LinkIndex: h.device,
			Parent:    netlink.HANDLE_MIN_INGRESS,
			Handle:    filterHandle,
			Priority:  filterPriority,
			Protocol:  unix.ETH_P_ALL,
		},
		Fd:           h.program.FD(),
		Name:         filterName,
		DirectAction: true,
	})
}

const filterName = "macaw"

// detach undoes attach. The filter of a device that is gone is gone with it.
func (h hook) detach() error {
	if pinned, err := link.LoadPinnedLink(h.pin, nil); err == nil {
		// This detaches at once: the kernel may take its time with a link that is closed.
		err := pinned.Detach()
		pinned.Close()
		if err != nil && !errors.Is(err, unix.ENOLINK) {
			return fmt.Errorf("detaching from %s: %w", h.name, err)
		}
	}
	if err := os.Remove(h.pin); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing pinned link: %w", err)
	}
	filter := h.clsactFilter()
	if filter == nil {
		return nil
	}
	return ignoreGone(netlink.FilterDel(filter))
}

// attached tells whether a program that attach attached is on the device.
func (h hook) attached() bool {
	if !h.tcx {
		return h.clsactFilter() != nil
	}
	pinned, err := link.LoadPinnedLink(h.pin, nil)
	if err != nil {
		return false
	}
	defer pinned.Close()
	return linkedTo(pinned, h)
}

// linkedTo tells whether a tcx link is at a hook.
func linkedTo(l link.Link, h hook) bool {
	info, err := l.Info()
	if err != nil {
		return false
	}
	at := info.TCX()
	return at != nil && int(at.Ifindex) == h.device && uint32(at.AttachType) == uint32(h.attachType())
}

func (h hook) clsactFilter() netlink.Filter {
	l, err := netlink.LinkByIndex(h.device)
	if err != nil {
		return nil
	}
	filters, err := netlink.FilterList(l, netlink.HANDLE_MIN_INGRESS)
	if err != nil {
		return nil
	}
	for _, f := range filters {
		if f, ok := f.(*netlink.BpfFilter); ok && f.Name == filterName {
			return f
		}
	}
	return nil
}

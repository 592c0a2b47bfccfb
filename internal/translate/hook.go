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

// filterPriority is that of our filter where the kernel has no tcx. A fixed
// priority and handle make a replacement atomic.
const (
	filterPriority = 1
	filterHandle   = 1
)

// hook attaches program to the ingress of the device, for good: it stays when
// this process ends. What an older process attached there is replaced with no
// frame lost. Without tcx (before Linux 6.6) it is a clsact filter, which has no
// pin.
func hook(program *ebpf.Program, device int, pin string) error {
	old, err := link.LoadPinnedLink(pin, nil)
	switch {
	case err == nil:
		defer old.Close()
		if linkDevice(old) == device {
			return old.Update(program)
		}
		// The device was made anew: the pin holds a link to nothing.
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("loading pinned link %s: %w", pin, err)
	}

	fresh, err := link.AttachTCX(link.TCXOptions{Interface: device, Program: program, Attach: ebpf.AttachTCXIngress})
	if errors.Is(err, ebpf.ErrNotSupported) {
		return hookClsact(program, device)
	}
	if err != nil {
		return err
	}
	defer fresh.Close()
	if err := os.Remove(pin); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return fresh.Pin(pin)
}

// hookClsact is hook for kernels without tcx.
func hookClsact(program *ebpf.Program, device int) error {
	qdisc := &netlink.Clsact{QdiscAttrs: netlink.QdiscAttrs{
		LinkIndex: device,
		Handle:    netlink.MakeHandle(0xffff, 0),
		Parent:    netlink.HANDLE_CLSACT,
	}}
	if err := netlink.QdiscAdd(qdisc); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("adding clsact qdisc: %w", err)
	}
	return netlink.FilterReplace(&netlink.BpfFilter{
		FilterAttrs: netlink.FilterAttrs{
			LinkIndex: device,
			Parent:    netlink.HANDLE_MIN_INGRESS,
			Handle:    filterHandle,
			Priority:  filterPriority,
			Protocol:  unix.ETH_P_ALL,
		},
		Fd:           program.FD(),
		Name:         filterName,
		DirectAction: true,
	})
}

const filterName = "macaw"

// unhook undoes hook. A device that is gone took its filter with it.
func unhook(device int, pin string) error {
	if err := os.Remove(pin); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing pinned link: %w", err)
	}
	filter := clsactFilter(device)
	if filter == nil {
		return nil
	}
	return netlink.FilterDel(filter)
}

// hooked tells whether something that hook attached is on the device.
func hooked(device int, pin string) bool {
	pinned, err := link.LoadPinnedLink(pin, nil)
	if err != nil {
		return clsactFilter(device) != nil
	}
	defer pinned.Close()
	return linkDevice(pinned) == device
}

// linkDevice returns the ifindex a tcx link is attached to, 0 for none.
func linkDevice(l link.Link) int {
	info, err := l.Info()
	if err != nil || info.TCX() == nil {
		return 0
	}
	return int(info.TCX().Ifindex)
}

func clsactFilter(device int) netlink.Filter {
	l, err := netlink.LinkByIndex(device)
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

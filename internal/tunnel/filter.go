// SPDX-License-Identifier: Apache-2.0

package tunnel

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/cilium/ebpf"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// The programs are clsact filters at ingress: the kernel keeps such a program as long as the
// filter, so there is nothing to pin. Open vSwitch touches neither device. A fixed priority
// and handle make a replacement atomic; the priority is one that nobody else picks.
const (
	filterName     = "macaw-tunnel"
	filterPriority = 6081
	filterHandle   = 1
)

// attach attaches a program to an interface, in the place of the one that is there.
func attach(l netlink.Link, program *ebpf.Program) error {
	name := l.Attrs().Name
	qdisc := &netlink.Clsact{QdiscAttrs: netlink.QdiscAttrs{
		LinkIndex: l.Attrs().Index,
		Handle:    netlink.MakeHandle(0xffff, 0),
		Parent:    netlink.HANDLE_CLSACT,
	}}
	if err := netlink.QdiscAdd(qdisc); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("adding clsact qdisc to %s: %w", name, err)
	}
	err := netlink.FilterReplace(&netlink.BpfFilter{
		FilterAttrs: netlink.FilterAttrs{
			LinkIndex: l.Attrs().Index,
			Parent:    netlink.HANDLE_MIN_INGRESS,
			Handle:    filterHandle,
			Priority:  filterPriority,
			Protocol:  unix.ETH_P_ALL,
		},
		Fd:           program.FD(),
		Name:         filterName,
		DirectAction: true,
	})
	if err != nil {
		return fmt.Errorf("attaching tunnels to %s: %w", name, err)
	}
	return nil
}

// detach removes our filter from an interface. The qdisc stays: others may have filters.
func detach(l netlink.Link) error {
	filters, err := netlink.FilterList(l, netlink.HANDLE_MIN_INGRESS)
	if err != nil {
		return nil // without such a qdisc, or gone
	}
	for _, f := range filters {
		if f, ok := f.(*netlink.BpfFilter); ok && f.Name == filterName {
			if err := ignoreGone(netlink.FilterDel(f)); err != nil {
				return fmt.Errorf("detaching tunnels from %s: %w", l.Attrs().Name, err)
			}
		}
	}
	return nil
}

// ignoreGone makes a success of removing what is gone already.
func ignoreGone(err error) error {
	for _, gone := range []error{unix.ENOENT, unix.ENODEV, unix.ESRCH} {
		if errors.Is(err, gone) {
			return nil
		}
	}
	return err
}

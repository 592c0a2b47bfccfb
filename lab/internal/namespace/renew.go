// SPDX-License-Identifier: Apache-2.0

package namespace

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Renew puts a new namespace in the place of a named one and moves the given
// devices over, which lose addresses and routes and keep their names, MACs and
// MTUs. Everything else that was in the old one is gone: that is what a reboot
// does to a machine. A device that is not there is no error. It may be
// interrupted anywhere and called again.
func Renew(name string, devices []string) error {
	next := nextName(name)
	if err := Add(next); err != nil {
		return err
	}
	to, err := open(next)
	if err != nil {
		return fmt.Errorf("renewing network namespace %s: %w", name, err)
	}
	defer to.Close()
	if from, err := open(name); err == nil {
		from.Close()
		err := Links(name, func(h *netlink.Handle) error { return move(h, devices, to) })
		if err != nil {
			return fmt.Errorf("renewing network namespace %s: %w", name, err)
		}
	}
	if err := remove(name); err != nil {
		return err
	}
	f, err := os.OpenFile(Path(name), os.O_CREATE|os.O_EXCL, 0o444)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	f.Close()
	if err := unix.Mount(Path(next), Path(name), "none", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("renewing network namespace %s: %w", name, err)
	}
	return remove(next)
}

// nextName is what the namespace that Renew makes is called until it is in its place.
func nextName(name string) string { return name + "-next" }

func move(h *netlink.Handle, devices []string, to netns.NsHandle) error {
	for _, device := range devices {
		link, err := h.LinkByName(device)
		var missing netlink.LinkNotFoundError
		if errors.As(err, &missing) {
			continue
		}
		if err != nil {
			return err
		}
		if err := h.LinkSetNsFd(link, int(to)); err != nil {
			return fmt.Errorf("moving %s: %w", device, err)
		}
	}
	return nil
}

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

// Renew replaces a named namespace by a new one and moves the given devices to it. They
// lose addresses and routes and keep their names, MACs and MTUs. Everything else in the old
// namespace is lost, as in a reboot. A device that does not exist is no error. An
// interrupted Renew can be repeated.
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

// nextName is the temporary name of the namespace that Renew makes.
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

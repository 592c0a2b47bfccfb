// SPDX-License-Identifier: Apache-2.0

package namespace

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"macaw.example/lab/internal/mounts"
)

const dir = "/run/netns"

// Path returns the mount point of a named namespace.
func Path(name string) string { return filepath.Join(dir, name) }

// Add makes a namespace with its loopback up; an existing one is kept.
func Add(name string) error {
	ns, err := open(name)
	if err == nil {
		return ns.Close()
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("making network namespace %s: %w", name, err)
	}
	// Remove a file without a namespace, or whatever else has the name.
	if err := remove(name); err != nil {
		return err
	}
	err = mounts.OnThread(func() error {
		// netns.NewNamed moves the calling thread into the new namespace.
		ns, err := netns.NewNamed(name)
		if err != nil {
			return err
		}
		return ns.Close()
	})
	if err != nil {
		return fmt.Errorf("making network namespace %s: %w", name, err)
	}
	return Links(name, func(h *netlink.Handle) error {
		lo, err := h.LinkByName("lo")
		if err != nil {
			return err
		}
		return h.LinkSetUp(lo)
	})
}

// Open opens a named namespace, for a process that does not see its name.
func Open(name string) (*os.File, error) {
	ns, err := open(name)
	if err != nil {
		return nil, fmt.Errorf("opening network namespace %s: %w", name, err)
	}
	return os.NewFile(uintptr(ns), Path(name)), nil
}

// open opens a named namespace. It returns fs.ErrNotExist if there is none, or only a file
// of that name without a namespace mounted on it, which an interrupted Add or Renew leaves.
func open(name string) (netns.NsHandle, error) {
	ns, err := netns.GetFromName(name)
	if err != nil {
		return ns, err
	}
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(ns), &st); err != nil {
		return netns.None(), errors.Join(err, ns.Close())
	}
	if st.Type != unix.NSFS_MAGIC {
		return netns.None(), errors.Join(&fs.PathError{Op: "open", Path: Path(name), Err: unix.ENOENT}, ns.Close())
	}
	return ns, nil
}

// Delete removes a namespace with its devices, except those held by a process; one that
// does not exist is no error. It also removes further mounts of the namespace: "ip netns
// add" (ip-netns(8)) may have stacked a second one, and services with their own mount
// namespaces have copies.
func Delete(name string) error { return errors.Join(remove(name), remove(nextName(name))) }

// remove is Delete, except for what an interrupted Renew leaves.
func remove(name string) error {
	if err := mounts.RemoveAll(Path(name)); err != nil {
		return fmt.Errorf("removing network namespace %s: %w", name, err)
	}
	return nil
}

// List returns the names of the namespaces with a prefix.
func List(prefix string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix) {
			names = append(names, e.Name())
		}
	}
	return names, err
}

// Do calls fn in a namespace. Sockets and devices that fn opens stay in that namespace;
// goroutines that it starts do not run in it.
func Do(name string, fn func() error) error {
	ns, err := open(name)
	if err != nil {
		return fmt.Errorf("entering network namespace %s: %w", name, err)
	}
	defer ns.Close()
	return mounts.OnThread(func() error {
		if err := netns.Set(ns); err != nil {
			return fmt.Errorf("entering network namespace %s: %w", name, err)
		}
		return fn()
	})
}

// Sysctl sets a namespace's kernel parameters, by their paths below /proc/sys. Device
// defaults apply to devices made afterwards.
func Sysctl(name string, values map[string]string) error {
	return Do(name, func() error {
		for path, value := range values {
			if err := os.WriteFile(filepath.Join("/proc/sys", path), []byte(value), 0o644); err != nil {
				return fmt.Errorf("setting %s in %s: %w", path, name, err)
			}
		}
		return nil
	})
}

// Links calls fn with a netlink handle in a namespace.
func Links(name string, fn func(*netlink.Handle) error) error {
	ns, err := open(name)
	if err != nil {
		return fmt.Errorf("entering network namespace %s: %w", name, err)
	}
	defer ns.Close()
	h, err := netlink.NewHandleAt(ns)
	if err != nil {
		return fmt.Errorf("entering network namespace %s: %w", name, err)
	}
	defer h.Close()
	return fn(h)
}

// Package namespace makes and enters named network namespaces, as ip-netns(8)
// does.
package namespace

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

const dir = "/run/netns"

// Path is where a named namespace is mounted.
func Path(name string) string { return filepath.Join(dir, name) }

// Add makes a namespace with its loopback up; one that is there is kept.
func Add(name string) error {
	if ns, err := netns.GetFromName(name); err == nil {
		return ns.Close()
	}
	// A mount that was lost leaves its empty file, which is in the way.
	if err := os.Remove(Path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	err := onThread(func() error {
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

// Delete removes a namespace, and with it the devices in it that nobody holds;
// one that is not there is no error.
func Delete(name string) error {
	err := unix.Unmount(Path(name), unix.MNT_DETACH)
	if err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("removing network namespace %s: %w", name, err)
	}
	if err := os.Remove(Path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing network namespace %s: %w", name, err)
	}
	return nil
}

// List returns the names of the namespaces that begin with prefix.
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

// Do calls fn in a namespace. Sockets and devices that fn opens belong to that
// namespace wherever they are used later; goroutines that it starts do not run
// in it.
func Do(name string, fn func() error) error {
	ns, err := netns.GetFromName(name)
	if err != nil {
		return fmt.Errorf("entering network namespace %s: %w", name, err)
	}
	defer ns.Close()
	return onThread(func() error {
		if err := netns.Set(ns); err != nil {
			return fmt.Errorf("entering network namespace %s: %w", name, err)
		}
		return fn()
	})
}

// Sysctl sets kernel parameters of a namespace, by their paths below
// /proc/sys; those that belong to devices are for devices made afterwards.
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

// Links gives fn a netlink handle that works in a namespace.
func Links(name string, fn func(*netlink.Handle) error) error {
	ns, err := netns.GetFromName(name)
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

// onThread calls fn on a thread of its own that never comes back to Go's
// scheduler, because fn changes the thread's namespace.
func onThread(fn func() error) error {
	done := make(chan error, 1)
	go func() {
		// Locked and never unlocked: the thread ends with this goroutine.
		runtime.LockOSThread()
		done <- fn()
	}()
	return <-done
}

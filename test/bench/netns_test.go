// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"crypto/rand"
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// newNamespace makes a network namespace that is removed with the benchmark.
func newNamespace(b *testing.B) string {
	name := "mcwt-" + rand.Text()[:8]
	must(b, there(func() error {
		ns, err := netns.NewNamed(name) // also moves this thread into it
		if err != nil {
			return err
		}
		return ns.Close()
	}))
	b.Cleanup(func() {
		if err := netns.DeleteNamed(name); err != nil {
			b.Error(err)
		}
	})
	return name
}

func pathOf(ns string) string { return filepath.Join("/run/netns", ns) }

// inNamespace runs fn on this thread in a network namespace, and returns to the old one.
func inNamespace(name string, fn func() error) error {
	ns, err := netns.GetFromName(name)
	if err != nil {
		return err
	}
	defer ns.Close()
	return there(func() error {
		if err := netns.Set(ns); err != nil {
			return err
		}
		return fn()
	})
}

// there runs fn, which may change this thread's network namespace.
func there(fn func() error) error {
	runtime.LockOSThread()
	home, err := netns.Get()
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer home.Close()
	err = fn()
	if back := netns.Set(home); back != nil {
		return errors.Join(err, back) // not unlocked: the thread ends with its goroutine
	}
	runtime.UnlockOSThread()
	return err
}

// links calls fn with a netlink handle in a network namespace.
func links(name string, fn func(*netlink.Handle) error) error {
	ns, err := netns.GetFromName(name)
	if err != nil {
		return err
	}
	defer ns.Close()
	h, err := netlink.NewHandleAt(ns)
	if err != nil {
		return err
	}
	defer h.Close()
	return fn(h)
}

func sysctl(ns string, values map[string]string) error {
	return inNamespace(ns, func() error {
		for name, value := range values {
			if err := os.WriteFile(filepath.Join("/proc/sys", name), []byte(value), 0); err != nil {
				return err
			}
		}
		return nil
	})
}

// address gives an interface an address and, if there is a gateway, the default
// route.
func address(b *testing.B, ns, name, address, gateway string) {
	must(b, links(ns, func(h *netlink.Handle) error {
		l, err := h.LinkByName(name)
		if err != nil {
			return err
		}
		a, err := netlink.ParseAddr(address)
		if err != nil {
			return err
		}
		if err := errors.Join(h.AddrAdd(l, a), h.LinkSetUp(l)); err != nil || gateway == "" {
			return err
		}
		return h.RouteAdd(&netlink.Route{LinkIndex: l.Attrs().Index, Gw: net.ParseIP(gateway)})
	}))
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

// SPDX-License-Identifier: Apache-2.0

// Package netdevtest has network namespaces for tests of programs that configure network interfaces.
package netdevtest

import (
	"os"
	"runtime"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"macaw.example/internal/model"
)

// NeedRoot skips a test that needs root, without it.
func NeedRoot(t testing.TB) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root: network namespaces and eBPF programs")
	}
}

// MustMAC parses a MAC that a test has written.
func MustMAC(s string) model.MAC {
	m, err := model.ParseMAC(s)
	if err != nil {
		panic(err)
	}
	return m
}

// Namespace is a thread with network and mount namespaces of its own, without names: whatever happens
// to the test, they vanish with it, and so do its processes.
type Namespace struct {
	T  testing.TB
	FD int // of the network namespace

	work chan func()
}

// New makes a namespace for a test, with its loopback device up after setup.
func New(t testing.TB, setup func() error) *Namespace {
	t.Helper()
	NeedRoot(t)
	s := &Namespace{T: t, work: make(chan func())}
	ready := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		err := unix.Unshare(unix.CLONE_NEWNET | unix.CLONE_NEWNS)
		if err == nil {
			err = unix.Mount("", "/", "", unix.MS_PRIVATE|unix.MS_REC, "")
		}
		if err == nil {
			s.FD, err = unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		}
		ready <- err
		if err != nil {
			return
		}
		for f := range s.work {
			f()
		}
	}()
	if err := <-ready; err != nil {
		t.Fatalf("making namespaces: %v", err)
	}
	t.Cleanup(func() {
		close(s.work)
		unix.Close(s.FD)
	})
	s.Do(setup)
	s.Do(func() error { return Up("lo") })
	return s
}

// Do runs f on the namespace's thread; an error ends the test.
func (s *Namespace) Do(f func() error) {
	s.T.Helper()
	if err := s.Try(f); err != nil {
		s.T.Fatal(err)
	}
}

// Try runs f on the namespace's thread.
func (s *Namespace) Try(f func() error) error {
	result := make(chan error)
	s.work <- func() { result <- f() }
	return <-result
}

// Up switches a device of the calling thread's namespace on.
func Up(name string) error {
	l, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	return netlink.LinkSetUp(l)
}

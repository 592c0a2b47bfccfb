// SPDX-License-Identifier: Apache-2.0

package netdev

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// GRO follows whether GRO is on at an interface: whether its kernel merges the frames that it receives.
type GRO struct {
	on   atomic.Bool
	name string
	in   func(func() error) error

	mu     sync.Mutex
	ears   *ears
	closed bool
	done   chan struct{}
}

// ears are the sockets by which an interface is followed in the network namespace that it is in.
type ears struct {
	index  uint32 // of the interface; its name changes, such as when udev renames it
	socket int    // for ethtool
	news   *nl.NetlinkSocket
}

// WatchGRO starts to follow an interface by the name that it has now. It may be renamed, and it may be moved to another
// network namespace, where it then has that name again: in runs a function in the namespace that it is in.
func WatchGRO(name string, in func(func() error) error) (*GRO, error) {
	w := &GRO{name: name, in: in, done: make(chan struct{})}
	if err := w.open(); err != nil {
		return nil, err
	}
	go w.follow()
	return w, nil
}

// On tells whether GRO is on.
func (w *GRO) On() bool { return w.on.Load() }

// open opens the sockets anew.
func (w *GRO) open() error {
	return w.in(func() error {
		e, err := listen(w.name)
		if err != nil {
			return err
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.ears != nil {
			w.ears.close()
		}
		if w.ears = e; w.closed {
			e.close()
			return nil
		}
		return w.read(e)
	})
}

func listen(name string) (*ears, error) {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("opening a socket for ethtool: %w", err)
	}
	// The kernel reports each change of features there (rtnetlink_event, NETDEV_FEAT_CHANGE).
	news, err := nl.Subscribe(unix.NETLINK_ROUTE, unix.RTNLGRP_LINK)
	if err != nil {
		unix.Close(socket)
		return nil, fmt.Errorf("subscribing to changes of interfaces: %w", err)
	}
	e := &ears{socket: socket, news: news}
	if e.index, err = indexOf(socket, name); err != nil {
		e.close()
		return nil, err
	}
	return e, nil
}

func (e *ears) close() {
	e.news.Close()
	unix.Close(e.socket)
}

// reopenEvery is the pause between two attempts to find an interface that has left its namespace.
const reopenEvery = 20 * time.Millisecond

func (w *GRO) isClosed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.closed
}

// follow reads what has changed until Close.
func (w *GRO) follow() {
	defer close(w.done)
	for {
		w.mu.Lock()
		e, closed := w.ears, w.closed
		w.mu.Unlock()
		if closed {
			return
		}
		_, _, err := e.news.Receive()
		if err == nil || errors.Is(err, unix.ENOBUFS) { // that is: messages were lost
			w.mu.Lock()
			err = w.read(e)
			w.mu.Unlock()
		}
		for err != nil && !w.isClosed() { // it was moved, or removed
			if err = w.open(); err != nil {
				time.Sleep(reopenEvery)
			}
		}
	}
}

// indexOf returns the index of an interface in the network namespace of a socket.
func indexOf(socket int, name string) (uint32, error) {
	request, err := unix.NewIfreq(name)
	if err == nil {
		err = unix.IoctlIfreq(socket, unix.SIOCGIFINDEX, request)
	}
	if err != nil {
		return 0, fmt.Errorf("finding interface %s: %w", name, err)
	}
	return request.Uint32(), nil
}

// nameOf returns the present name of an interface: struct ifreq of netdevice(7), whose name is an answer here.
func nameOf(socket int, index uint32) (name [unix.IFNAMSIZ]byte, err error) {
	request := struct {
		name  [unix.IFNAMSIZ]byte
		index uint32
		_     [20]byte
	}{index: index}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(socket), unix.SIOCGIFNAME, uintptr(unsafe.Pointer(&request)))
	if errno != 0 {
		return name, fmt.Errorf("finding the name of interface %d: %w", index, errno)
	}
	return request.name, nil
}

// read asks the kernel: struct ethtool_value of linux/ethtool.h.
func (w *GRO) read(e *ears) error {
	if w.closed {
		return nil
	}
	name, err := nameOf(e.socket, e.index)
	if err != nil {
		return err
	}
	value := struct{ command, data uint32 }{command: unix.ETHTOOL_GGRO}
	request := struct {
		name  [unix.IFNAMSIZ]byte
		value unsafe.Pointer
		_     [16]byte // struct ifreq is longer
	}{name: name, value: unsafe.Pointer(&value)}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(e.socket), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request)))
	if errno != 0 {
		return fmt.Errorf("asking whether GRO of %s is on: %w", unix.ByteSliceToString(name[:]), errno)
	}
	w.on.Store(value.data != 0)
	return nil
}

// Close ends it.
func (w *GRO) Close() {
	w.mu.Lock()
	if !w.closed {
		w.closed = true
		w.ears.close()
	}
	w.mu.Unlock()
	<-w.done
}

// SPDX-License-Identifier: Apache-2.0

package netdev

import (
	"errors"
	"fmt"
	"sync/atomic"
	"unsafe"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// GRO follows whether GRO is on at an interface: whether its kernel merges the frames that it receives.
type GRO struct {
	on     atomic.Bool
	index  uint32 // of the interface; its name changes, such as when udev renames it
	socket int    // for ethtool, in the interface's network namespace
	news   *nl.NetlinkSocket
	done   chan struct{}
}

// WatchGRO starts to follow an interface of the caller's network namespace.
func WatchGRO(name string) (*GRO, error) {
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
	w := &GRO{socket: socket, news: news, done: make(chan struct{})}
	if w.index, err = indexOf(socket, name); err == nil {
		err = w.read()
	}
	if err != nil {
		news.Close()
		unix.Close(socket)
		return nil, err
	}
	go w.follow()
	return w, nil
}

// On tells whether GRO is on.
func (w *GRO) On() bool { return w.on.Load() }

func (w *GRO) follow() {
	defer close(w.done)
	defer unix.Close(w.socket)
	for {
		_, _, err := w.news.Receive()
		if err != nil && !errors.Is(err, unix.ENOBUFS) { // that is: messages were lost
			return // closed
		}
		_ = w.read() // it fails when the interface is removed
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
func (w *GRO) read() error {
	name, err := nameOf(w.socket, w.index)
	if err != nil {
		return err
	}
	value := struct{ command, data uint32 }{command: unix.ETHTOOL_GGRO}
	request := struct {
		name  [unix.IFNAMSIZ]byte
		value unsafe.Pointer
		_     [16]byte // struct ifreq is longer
	}{name: name, value: unsafe.Pointer(&value)}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(w.socket), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request)))
	if errno != 0 {
		return fmt.Errorf("asking whether GRO of %s is on: %w", unix.ByteSliceToString(name[:]), errno)
	}
	w.on.Store(value.data != 0)
	return nil
}

// Close ends it.
func (w *GRO) Close() {
	w.news.Close()
	<-w.done
}

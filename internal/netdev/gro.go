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
	name   string
	socket int // for ethtool, in the interface's network namespace
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
	w := &GRO{name: name, socket: socket, news: news, done: make(chan struct{})}
	if err := w.read(); err != nil {
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

// read asks the kernel: struct ethtool_value of linux/ethtool.h.
func (w *GRO) read() error {
	value := struct{ command, data uint32 }{command: unix.ETHTOOL_GGRO}
	request := struct {
		name  [unix.IFNAMSIZ]byte
		value unsafe.Pointer
		_     [16]byte // struct ifreq is longer
	}{value: unsafe.Pointer(&value)}
	copy(request.name[:unix.IFNAMSIZ-1], w.name)
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(w.socket), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request)))
	if errno != 0 {
		return fmt.Errorf("asking whether GRO of %s is on: %w", w.name, errno)
	}
	w.on.Store(value.data != 0)
	return nil
}

// Close ends it.
func (w *GRO) Close() {
	w.news.Close()
	<-w.done
}

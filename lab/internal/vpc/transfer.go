// SPDX-License-Identifier: Apache-2.0

package vpc

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// transfer is a read or write of one frame with its header, in one system call. It keeps the memory for the next.
type transfer struct {
	header vnetHeader
	parts  [2][]byte
	n      int
	err    error
	// read and write are the functions that RawConn calls; made once, as a closure takes memory.
	read, write func(fd uintptr) (done bool)
	buffer      []byte // for a frame cut from a GSO frame
}

func newDevice(file *os.File, kind uint16) *Device {
	d := &Device{file: file}
	if kind == unix.IFF_TAP {
		d.at = etherLen
	}
	d.reading.init()
	d.writing.New = func() any {
		t := new(transfer)
		t.init()
		return t
	}
	return d
}

func (t *transfer) init() {
	t.parts[0] = t.header[:]
	attempt := func(call func(fd int, parts [][]byte) (int, error)) func(uintptr) bool {
		return func(fd uintptr) bool {
			for {
				if t.n, t.err = call(int(fd), t.parts[:]); t.err != unix.EINTR {
					return t.err != unix.EAGAIN
				}
			}
		}
	}
	t.read, t.write = attempt(unix.Readv), attempt(unix.Writev)
}

// do calls wait, which calls one of the functions until it does not have to wait any more.
func (t *transfer) do(frame []byte, wait func(func(uintptr) bool) error, f func(uintptr) bool) (int, error) {
	t.parts[1] = frame
	err := wait(f)
	t.parts[1] = nil
	if err != nil {
		return 0, os.ErrClosed // the only failure of RawConn itself
	}
	if t.err == nil && t.n < vnetLen {
		t.err = fmt.Errorf("%d bytes, less than a header", t.n)
	}
	return t.n - vnetLen, t.err
}

// Read reads one frame or packet, and of a GSO frame the payload of each frame that it stands for (otherwise 0). It
// fails with os.ErrClosed after Close, and when the interface is removed. Only one Read may run at a time.
func (d *Device) Read(b []byte) (n, gsoSize int, err error) {
	for {
		n, err := d.reading.do(b, d.raw.Read, d.reading.read)
		if errors.Is(err, unix.EINVAL) {
			continue // the kernel took a frame off its queue whose GSO this header cannot describe
		}
		if err != nil {
			return 0, 0, err
		}
		return n, d.reading.header.received(b[:n], d.at), nil
	}
}

// Write sends one frame or packet, with the size that Read returns. It fails while the interface is down.
func (d *Device) Write(frame []byte, gsoSize int) error {
	t := d.writing.Get().(*transfer)
	defer d.writing.Put(t)
	t.header = vnetHeader{}
	g, ok := gsoOf(frame, d.at, gsoSize)
	if !ok {
		return d.send(t, frame)
	}
	if d.gro.on.Load() {
		t.header.describe(&g)
		return d.send(t, frame)
	}
	if len(t.buffer) < g.longest() {
		t.buffer = make([]byte, g.longest())
	}
	var errs error
	for i := range g.frames() {
		if err := d.send(t, g.frame(i, t.buffer)); err != nil {
			errs = err
		}
	}
	return errs
}

func (d *Device) send(t *transfer, frame []byte) error {
	_, err := t.do(frame, d.raw.Write, t.write)
	return err
}

// Close closes the device. The interface persists until RemoveDevice or the end of its
// namespace.
func (d *Device) Close() error {
	if d.gro != nil {
		d.gro.close()
	}
	return d.file.Close()
}

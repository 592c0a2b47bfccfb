// SPDX-License-Identifier: Apache-2.0

package vpc

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// longestFrame is enough for any frame: the kernel sends none over 64 KiB, headers included (GSO_LEGACY_MAX_SIZE of
// linux/netdevice.h).
const longestFrame = 1<<16 + 64

// patience is how often a read is tried again before it waits. That takes a microsecond; to wait and to be woken takes
// several, of the sender's time too.
const patience = 8

// transfer reads or writes one frame with its header. Its memory serves for many.
//
// It does not tell Go's scheduler of the system call, which takes a few microseconds and never waits, as the file is
// non-blocking. That would take a tenth of a small frame's time.
type transfer struct {
	data []byte
	n    int
	err  syscall.Errno
	try  func(fd uintptr) (done bool)
}

func newTransfer(call uintptr) *transfer {
	t := new(transfer)
	t.try = func(fd uintptr) bool {
		for tries := 0; ; tries++ {
			n, _, err := unix.RawSyscall(call, fd, uintptr(unsafe.Pointer(&t.data[0])), uintptr(len(t.data)))
			t.n, t.err = int(n), err
			switch {
			case err == unix.EAGAIN && tries == patience:
				return false
			case err != unix.EAGAIN && err != unix.EINTR:
				return true
			}
		}
	}
	return t
}

// do calls wait, a method of RawConn, which calls try until it is done.
func (t *transfer) do(wait func(func(uintptr) bool) error) error {
	if wait(t.try) != nil {
		return os.ErrClosed // the only way in which RawConn itself fails
	}
	if t.err != 0 {
		return t.err
	}
	return nil
}

// sending holds transfers that write. A device may have several writers.
var sending = sync.Pool{New: func() any { return newTransfer(unix.SYS_WRITE) }}

func newDevice(file *os.File, kind uint16) (*Device, error) {
	raw, err := file.SyscallConn()
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	d := &Device{file: file, raw: raw, reading: newTransfer(unix.SYS_READ)}
	d.reading.data = make([]byte, vnetLen+longestFrame)
	if kind == unix.IFF_TAP {
		d.at = etherLen
	}
	return d, nil
}

// Read returns one frame or packet, and of a GSO frame the payload of each frame that it stands for (otherwise 0). The
// frame is valid until the next Read. It fails with os.ErrClosed after Close, and when the interface is removed.
func (d *Device) Read() (frame []byte, gsoSize int, err error) {
	t := d.reading
	for {
		err := t.do(d.raw.Read)
		switch {
		case errors.Is(err, unix.EINVAL):
			continue // the kernel took a frame off its queue whose GSO the header cannot describe
		case err != nil:
			return nil, 0, fmt.Errorf("reading %s: %w", d.file.Name(), err)
		case t.n < vnetLen:
			return nil, 0, fmt.Errorf("reading %s: %d bytes, less than a header", d.file.Name(), t.n)
		}
		frame := t.data[vnetLen:t.n]
		return frame, (*vnetHeader)(t.data).received(frame, d.at), nil
	}
}

// Write sends one frame or packet, with the size that Read returns. It fails while the interface is down.
func (d *Device) Write(frame []byte, gsoSize int) error {
	g, ok := gsoOf(frame, d.at, gsoSize)
	if ok && d.gro.On() {
		return d.writeWhole(&g)
	}
	t := sending.Get().(*transfer)
	defer sending.Put(t)
	if !ok {
		t.data = append(append(t.data[:0], make([]byte, vnetLen)...), frame...)
		return t.do(d.raw.Write)
	}
	buf := make([]byte, vnetLen+g.longest())
	var failed error
	for i := range g.frames() {
		t.data = buf[:vnetLen+len(g.frame(i, buf[vnetLen:]))]
		if err := t.do(d.raw.Write); err != nil {
			failed = err
		}
	}
	return failed
}

// writeWhole sends a GSO frame to a kernel that would merge its frames anyway. One of 64 KiB is not copied once more
// to put a header before it.
func (d *Device) writeWhole(g *gso) error {
	var header vnetHeader
	header.describe(g)
	parts := [][]byte{header[:], g.whole}
	var failed error
	err := d.raw.Write(func(fd uintptr) bool {
		_, failed = unix.Writev(int(fd), parts)
		return failed != unix.EAGAIN && failed != unix.EINTR
	})
	return errors.Join(err, failed)
}

// Close closes the device. The interface persists until RemoveDevice or the end of its
// namespace.
func (d *Device) Close() error {
	if d.gro != nil {
		d.gro.Close()
	}
	return d.file.Close()
}

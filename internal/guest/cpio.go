// SPDX-License-Identifier: Apache-2.0

package guest

import (
	"fmt"
	"io"
	"os"
)

// cpio writes an archive in the "newc" format, which the kernel unpacks (Linux,
// Documentation/driver-api/early-userspace/buffer-format.rst). The same entries give the same
// bytes: owner, times and inode numbers are fixed.
type cpio struct {
	w   io.Writer
	ino int
	off int
	err error
}

// The types of files, as in stat(2).
const (
	typeDir     = 0o040000
	typeRegular = 0o100000
	typeLink    = 0o120000
	typeChar    = 0o020000
)

func (c *cpio) dir(name string, perm os.FileMode) {
	c.entry(name, typeDir|uint32(perm), 2, 0, 0, nil)
}

func (c *cpio) regular(name string, perm os.FileMode, data []byte) {
	c.entry(name, typeRegular|uint32(perm), 1, 0, 0, data)
}

func (c *cpio) symlink(name, target string) {
	c.entry(name, typeLink|0o777, 1, 0, 0, []byte(target))
}

func (c *cpio) device(name string, perm os.FileMode, major, minor uint32) {
	c.entry(name, typeChar|uint32(perm), 1, major, minor, nil)
}

// close writes the last entry and returns the first error.
func (c *cpio) close() error {
	c.ino = -1
	c.entry("TRAILER!!!", 0, 1, 0, 0, nil)
	return c.err
}

func (c *cpio) entry(name string, mode, links, major, minor uint32, data []byte) {
	c.ino++
	// magic, ino, mode, uid, gid, nlink, mtime, filesize, devmajor, devminor, rdevmajor, rdevminor,
	// namesize including its zero byte, check
	c.write(fmt.Appendf(nil, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
		c.ino, mode, 0, 0, links, 0, len(data), 0, 0, major, minor, len(name)+1, 0))
	c.write(append([]byte(name), 0))
	c.pad()
	c.write(data)
	c.pad()
}

// pad fills up to a multiple of four bytes, before and after the data.
func (c *cpio) pad() {
	c.write(make([]byte, (4-c.off%4)%4))
}

func (c *cpio) write(b []byte) {
	if c.err != nil {
		return
	}
	var n int
	n, c.err = c.w.Write(b)
	c.off += n
}

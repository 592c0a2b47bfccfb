// SPDX-License-Identifier: Apache-2.0

//go:build unix

package smallfile

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestRead(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, size int64) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("text"), 0o600); err != nil {
			t.Fatal(err)
		}
		if size > 0 {
			if err := os.Truncate(path, size); err != nil {
				t.Fatal(err)
			}
		}
		return path
	}
	pipe, socket, link := filepath.Join(dir, "pipe"), filepath.Join(dir, "socket"), filepath.Join(dir, "link")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := os.Symlink(file("target", 0), link); err != nil {
		t.Fatal(err)
	}
	// The kernel says that it has no size.
	if b, err := Read("/proc/self/status"); err != nil || len(b) == 0 {
		t.Errorf("a file of /proc: %d bytes, %v", len(b), err)
	}
	for _, tt := range []struct{ path, want string }{
		{file("small", 0), ""},
		{file("largest", Limit), ""},
		{link, ""},
		{file("larger", Limit+1), "is larger than 16 MiB"},
		{file("endless", 1<<40), "is larger than 16 MiB"},
		{dir, "is a directory, not a regular file"},
		{pipe, "is a pipe, not a regular file"},
		{socket, "is a socket, not a regular file"},
		{"/dev/zero", "is a device, not a regular file"},
	} {
		b, err := Read(tt.path)
		switch {
		case tt.want == "" && (err != nil || !strings.HasPrefix(string(b), "text")):
			t.Errorf("%s: %.10q, %v", tt.path, b, err)
		case tt.want != "" && (err == nil || err.Error() != tt.path+" "+tt.want):
			t.Errorf("%s: %v, want %s", tt.path, err, tt.want)
		}
	}
	if _, err := Read(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("none: %v", err)
	}
}

// SPDX-License-Identifier: Apache-2.0

package guest

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

// Packages are what a guest is built from: the kernel, the programs, and dropbear's libraries. The
// latter are named so that they are downloaded also where they are installed already. The
// dependencies of the kernel's package are needed as well.
var Packages = []string{kernelPackage, busyboxPackage, dropbearPackage,
	"libc6", "libcrypt1", "libgmp10", "libtomcrypt1", "libtommath1", "zlib1g"}

const (
	busyboxPackage  = "busybox-static"
	dropbearPackage = "dropbear-bin"
)

// kernelPackage depends on the package with the kernel, whose name changes with each version.
const kernelPackage = "linux-image-cloud-amd64"

// Debs returns the .deb file of a package of Debian 13, amd64.
type Debs func(ctx context.Context, name string) (file string, err error)

// DebsIn finds packages in a directory of .deb files.
func DebsIn(dir string) Debs {
	return func(_ context.Context, name string) (string, error) {
		found, err := filepath.Glob(filepath.Join(dir, name+"_*.deb"))
		if err != nil {
			return "", err
		}
		if len(found) != 1 {
			return "", fmt.Errorf("looking for package %s in %s: %d found", name, dir, len(found))
		}
		return found[0], nil
	}
}

// tree is a part of a file system: regular files and links by path, such as "usr/sbin/dropbear".
type tree map[string]file

type file struct {
	mode os.FileMode
	link string // target of a symbolic link
	data []byte
}

// add reads a package and keeps the files that keep selects.
func (t tree) add(ctx context.Context, deb string, keep func(path string) bool) error {
	cmd := exec.CommandContext(ctx, "dpkg-deb", "--fsys-tarfile", deb)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("reading package %s: %w", deb, err)
	}
	readErr := t.read(out, keep)
	_, _ = io.Copy(io.Discard, out) // so that dpkg-deb does not fail with a broken pipe
	if err := errors.Join(cmd.Wait(), readErr); err != nil {
		return fmt.Errorf("reading package %s: %w: %s", deb, err, strings.TrimSpace(stderr.String()))
	}
	return nil
}

func (t tree) read(r io.Reader, keep func(string) bool) error {
	for archive := tar.NewReader(r); ; {
		h, err := archive.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(path.Clean("/"+h.Name), "/")
		if !keep(name) {
			continue
		}
		switch h.Typeflag {
		case tar.TypeReg:
			data, err := io.ReadAll(archive)
			if err != nil {
				return err
			}
			t[name] = file{mode: h.FileInfo().Mode().Perm(), data: data}
		case tar.TypeSymlink:
			t[name] = file{link: h.Linkname}
		case tar.TypeLink:
			t[name] = t[strings.TrimPrefix(path.Clean("/"+h.Linkname), "/")]
		}
	}
}

// find follows links to a regular file.
func (t tree) find(name string) (file, bool) {
	for range 8 {
		f, ok := t[name]
		if !ok || f.link == "" {
			return f, ok
		}
		if path.IsAbs(f.link) {
			name = strings.TrimPrefix(path.Clean(f.link), "/")
		} else {
			name = path.Join(path.Dir(name), f.link)
		}
	}
	return file{}, false
}

// first returns the first of the names that exists: Debian is moving files from / to /usr.
func (t tree) first(names ...string) (file, error) {
	for _, n := range names {
		if f, ok := t.find(n); ok {
			return f, nil
		}
	}
	return file{}, fmt.Errorf("no package has /%s", names[0])
}

// depends returns the names of the packages that a package depends on; of alternatives, the first.
func depends(ctx context.Context, deb string) ([]string, error) {
	out, err := exec.CommandContext(ctx, "dpkg-deb", "--field", deb, "Pre-Depends", "Depends").Output()
	if err != nil {
		return nil, fmt.Errorf("reading what %s depends on: %w", deb, err)
	}
	return parseDepends(string(out)), nil
}

// parseDepends parses the fields' values, with or without the fields' names.
func parseDepends(fields string) []string {
	var names []string
	for _, line := range strings.Split(fields, "\n") {
		line = strings.TrimPrefix(strings.TrimPrefix(line, "Pre-"), "Depends:")
		for _, d := range strings.Split(line, ",") {
			name, _, _ := strings.Cut(d, "|")
			name, _, _ = strings.Cut(name, "(")
			name, _, _ = strings.Cut(strings.TrimSpace(name), ":")
			if name != "" {
				names = append(names, name)
			}
		}
	}
	return names
}

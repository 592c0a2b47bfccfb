// SPDX-License-Identifier: Apache-2.0

package guest

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"path"
	"strings"
)

// libraryDirs are the directories that Debian's loader searches on amd64.
var libraryDirs = []string{"usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu", "usr/lib64", "lib64", "usr/lib", "lib"}

// loader returns the program's dynamic loader, or the empty string if it is static, and the shared
// libraries that it names. It only reads the file: ldd would run the program, with this host's
// loader and libraries.
func loader(program []byte) (interpreter string, needed []string, err error) {
	f, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		return "", nil, err
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			b := make([]byte, p.Filesz)
			if _, err := p.ReadAt(b, 0); err != nil {
				return "", nil, err
			}
			interpreter = strings.TrimRight(string(b), "\x00")
		}
	}
	needed, err = f.DynString(elf.DT_NEEDED)
	return interpreter, needed, err
}

// libraries finds the libraries that a package's program needs, in the packages that it depends on,
// which it opens only as needed. The result has the loader at the path that the program names and
// the libraries in lib/.
func libraries(ctx context.Context, debs Debs, pkg string, program []byte) (tree, error) {
	var (
		have   = tree{}
		opened = map[string]bool{}
		queue  = []string{pkg}
		out    = tree{}
	)
	isLibrary := func(name string) bool {
		return strings.HasPrefix(path.Dir(name), "usr/lib") || strings.HasPrefix(path.Dir(name), "lib")
	}
	// open reads one more package and reports whether there was one.
	open := func() (bool, error) {
		for len(queue) > 0 {
			name := queue[0]
			queue = queue[1:]
			if opened[name] {
				continue
			}
			opened[name] = true
			deb, err := debs(ctx, name)
			if err != nil {
				// A package without a library, or a virtual package.
				continue
			}
			more, err := depends(ctx, deb)
			if err != nil {
				return false, err
			}
			queue = append(queue, more...)
			return true, have.add(ctx, deb, isLibrary)
		}
		return false, nil
	}
	want := func(library string) (file, error) {
		for {
			for _, d := range libraryDirs {
				if f, ok := have.find(path.Join(d, path.Base(library))); ok {
					return f, nil
				}
			}
			more, err := open()
			if err != nil {
				return file{}, err
			}
			if !more {
				return file{}, fmt.Errorf("no package that %s depends on has %s", pkg, library)
			}
		}
	}
	var (
		resolve func(program []byte) error
		loaders = map[string]bool{} // libc names it too, and it is included already
	)
	resolve = func(program []byte) error {
		interpreter, needed, err := loader(program)
		if err != nil {
			return err
		}
		if interpreter != "" {
			f, err := want(interpreter)
			if err != nil {
				return err
			}
			f.mode = 0o755
			out[strings.TrimPrefix(interpreter, "/")] = f
			loaders[path.Base(interpreter)] = true
		}
		for _, n := range needed {
			if strings.Contains(n, "/") {
				return errors.New("a library with a path: " + n)
			}
			if _, done := out["lib/"+n]; done || loaders[n] {
				continue
			}
			f, err := want(n)
			if err != nil {
				return err
			}
			f.mode = 0o755
			out["lib/"+n] = f
			if err := resolve(f.data); err != nil {
				return err
			}
		}
		return nil
	}
	if err := resolve(program); err != nil {
		return nil, fmt.Errorf("finding the libraries of %s: %w", pkg, err)
	}
	return out, nil
}

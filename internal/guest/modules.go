// SPDX-License-Identifier: Apache-2.0

package guest

import (
	"bytes"
	"context"
	"debug/elf"
	"fmt"
	"os/exec"
	"path"
	"slices"
	"sort"
	"strings"
)

// drivers are the modules that a guest under nova's libvirt needs; their dependencies are added.
// Without virtio_rng, SSH waits for randomness for three seconds under emulation.
var drivers = []string{"virtio_pci", "virtio_rng", "virtio_net"}

// module is an uncompressed kernel module.
type module struct {
	name string
	data []byte
}

// modules returns the wanted modules and their dependencies, in the order of insertion. It reads
// the dependencies from the modules themselves: modules.dep is made at installation, and no package
// has it.
func modules(ctx context.Context, kernel tree, wanted []string) ([]module, error) {
	paths := map[string]string{}
	builtin := map[string]bool{}
	var names []string
	for p := range kernel {
		names = append(names, p)
	}
	sort.Strings(names)
	for _, p := range names {
		switch base := path.Base(p); {
		case base == "modules.builtin":
			for _, line := range strings.Fields(string(kernel[p].data)) {
				builtin[moduleName(line)] = true
			}
		case strings.HasSuffix(base, ".ko") || strings.HasSuffix(base, ".ko.xz"):
			paths[moduleName(base)] = p
		}
	}
	var (
		out     []module
		visited = map[string]bool{}
		visit   func(string) error
	)
	visit = func(name string) error {
		if visited[name] || builtin[name] {
			return nil
		}
		visited[name] = true
		p, ok := paths[name]
		if !ok {
			return fmt.Errorf("the kernel has no module %s", name)
		}
		data := kernel[p].data
		if strings.HasSuffix(p, ".xz") { // busybox's insmod accepts only uncompressed ones
			var err error
			if data, err = unxz(ctx, data); err != nil {
				return fmt.Errorf("decompressing module %s: %w", name, err)
			}
		}
		needs, err := moduleDepends(data)
		if err != nil {
			return fmt.Errorf("reading module %s: %w", name, err)
		}
		for _, n := range needs {
			if err := visit(n); err != nil {
				return fmt.Errorf("%w, which %s needs", err, name)
			}
		}
		out = append(out, module{name, data})
		return nil
	}
	for _, w := range wanted {
		if err := visit(w); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// moduleName is the kernel's name of the module in a file.
func moduleName(file string) string {
	base := strings.TrimSuffix(strings.TrimSuffix(path.Base(file), ".xz"), ".ko")
	return strings.ReplaceAll(base, "-", "_")
}

// moduleDepends reads the entry "depends" of the section .modinfo, whose entries end with a zero
// byte.
func moduleDepends(ko []byte) ([]string, error) {
	f, err := elf.NewFile(bytes.NewReader(ko))
	if err != nil {
		return nil, err
	}
	s := f.Section(".modinfo")
	if s == nil {
		return nil, fmt.Errorf("no section .modinfo")
	}
	info, err := s.Data()
	if err != nil {
		return nil, err
	}
	for _, entry := range strings.Split(string(info), "\x00") {
		if list, ok := strings.CutPrefix(entry, "depends="); ok {
			names := strings.Split(strings.ReplaceAll(list, "-", "_"), ",")
			return slices.DeleteFunc(names, func(n string) bool { return n == "" }), nil
		}
	}
	return nil, nil
}

func unxz(ctx context.Context, data []byte) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "xz", "--decompress", "--stdout")
	cmd.Stdin = bytes.NewReader(data)
	return cmd.Output()
}

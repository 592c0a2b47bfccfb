// SPDX-License-Identifier: Apache-2.0

package guest

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"
)

// User is the account that takes the key from the metadata service.
const User = "root"

// diskSize is the size of the empty disk, which nova requires of an instance.
const diskSize = 1 << 20

var (
	//go:embed files/init
	initScript []byte
	//go:embed files/udhcpc
	udhcpcScript []byte
)

// Files are the parts of a built guest, for Glance as an image of the formats aki, ari and ami.
type Files struct {
	Kernel string // vmlinuz
	Initrd string // initrd.gz, the complete file system
	Disk   string // disk.raw, empty, 1 MiB
}

// FilesIn returns the names that Build gives the files in dir.
func FilesIn(dir string) Files {
	return Files{
		Kernel: filepath.Join(dir, "vmlinuz"),
		Initrd: filepath.Join(dir, "initrd.gz"),
		Disk:   filepath.Join(dir, "disk.raw"),
	}
}

// Key is a hash of what this program puts into a guest: guests with the same key and packages are the
// same.
func Key() string {
	h := sha256.New()
	for _, script := range [][]byte{initScript, udhcpcScript} {
		fmt.Fprintf(h, "%d\n%s", len(script), script)
	}
	fmt.Fprintln(h, drivers, "the kernel is no boot sector")
	return hex.EncodeToString(h.Sum(nil))[:8]
}

// Build makes the guest in dir, which it creates, from Debian's packages. It needs dpkg-deb and xz,
// and no root. The same packages make the same files. It writes each file atomically.
func Build(ctx context.Context, debs Debs, dir string) (Files, error) {
	out := FilesIn(dir)
	kernel, mods, err := kernelOf(ctx, debs)
	if err != nil {
		return out, fmt.Errorf("building the guest: %w", err)
	}
	root, err := rootOf(ctx, debs, mods)
	if err != nil {
		return out, fmt.Errorf("building the guest: %w", err)
	}
	initrd, err := pack(root)
	if err != nil {
		return out, fmt.Errorf("building the guest: packing the initrd: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return out, fmt.Errorf("building the guest: %w", err)
	}
	for name, data := range map[string][]byte{out.Kernel: kernel, out.Initrd: initrd, out.Disk: make([]byte, diskSize)} {
		if err := write(name, data); err != nil {
			return out, fmt.Errorf("building the guest: %w", err)
		}
	}
	return out, nil
}

// notBootSector takes the signature of a boot sector from a kernel's first 512 bytes. No loader of today reads
// it: QEMU knows a kernel by the "HdrS" that follows (Linux, Documentation/arch/x86/boot.rst). But Nova takes
// a kernel with it for a disk with a broken partition table, and refuses to fetch it when a guest migrates
// (nova/virt/images.py, do_image_deep_inspection).
func notBootSector(kernel []byte) []byte {
	const signature, header = 0x1fe, 0x202
	if len(kernel) < header+4 || string(kernel[header:header+4]) != "HdrS" {
		return kernel
	}
	kernel = bytes.Clone(kernel)
	kernel[signature], kernel[signature+1] = 0, 0
	return kernel
}

// kernelOf returns the kernel and the modules that the guest needs.
func kernelOf(ctx context.Context, debs Debs) ([]byte, []module, error) {
	meta, err := debs(ctx, kernelPackage)
	if err != nil {
		return nil, nil, err
	}
	names, err := depends(ctx, meta)
	if err != nil {
		return nil, nil, err
	}
	for _, name := range names {
		if !strings.HasPrefix(name, "linux-image-") {
			continue
		}
		deb, err := debs(ctx, name)
		if err != nil {
			return nil, nil, err
		}
		t := tree{}
		if err := t.add(ctx, deb, func(p string) bool {
			return strings.HasPrefix(p, "boot/vmlinuz-") || path.Base(p) == "modules.builtin" ||
				strings.Contains(p, ".ko")
		}); err != nil {
			return nil, nil, err
		}
		mods, err := modules(ctx, t, drivers)
		if err != nil {
			return nil, nil, fmt.Errorf("package %s: %w", name, err)
		}
		for p, f := range t {
			if strings.HasPrefix(p, "boot/vmlinuz-") {
				return notBootSector(f.data), mods, nil
			}
		}
		return nil, nil, fmt.Errorf("package %s has no /boot/vmlinuz", name)
	}
	return nil, nil, fmt.Errorf("package %s depends on no kernel", kernelPackage)
}

// rootOf returns the guest's file system.
func rootOf(ctx context.Context, debs Debs, mods []module) (tree, error) {
	programs := tree{}
	for _, p := range []string{busyboxPackage, dropbearPackage} {
		deb, err := debs(ctx, p)
		if err != nil {
			return nil, err
		}
		if err := programs.add(ctx, deb, func(string) bool { return true }); err != nil {
			return nil, err
		}
	}
	busybox, err := programs.first("usr/bin/busybox", "bin/busybox")
	if err != nil {
		return nil, err
	}
	dropbear, err := programs.first("usr/sbin/dropbear")
	if err != nil {
		return nil, err
	}
	root, err := libraries(ctx, debs, dropbearPackage, dropbear.data)
	if err != nil {
		return nil, err
	}
	root["bin/busybox"] = file{mode: 0o755, data: busybox.data}
	root["bin/sh"] = file{link: "busybox"} // its other names are made at boot
	root["sbin/dropbear"] = file{mode: 0o755, data: dropbear.data}
	root["init"] = file{mode: 0o755, data: initScript}
	root["etc/udhcpc"] = file{mode: 0o755, data: udhcpcScript}
	root["etc/passwd"] = file{mode: 0o644, data: []byte("root:*:0:0:root:/root:/bin/sh\n")}
	root["etc/issue"] = file{mode: 0o644, data: []byte("A guest of Macaw. Log in by SSH, with your key.\n\n")}
	root["etc/group"] = file{mode: 0o644, data: []byte("root:x:0:\n")}
	root["etc/shells"] = file{mode: 0o644, data: []byte("/bin/sh\n")}
	var order strings.Builder
	for _, m := range mods {
		root["lib/modules/"+m.name+".ko"] = file{mode: 0o644, data: m.data}
		fmt.Fprintln(&order, m.name)
	}
	root["lib/modules/order"] = file{mode: 0o644, data: []byte(order.String())}
	return root, nil
}

// emptyDirs are mount points and directories that programs write to.
var emptyDirs = map[string]os.FileMode{
	"dev": 0o755, "proc": 0o755, "sys": 0o755, "tmp": 0o777, "run": 0o755, "sbin": 0o755, "usr/bin": 0o755,
	"usr/sbin":     0o755,
	"etc/dropbear": 0o700, "root": 0o700, "root/.ssh": 0o700, "www": 0o755,
}

// pack makes the compressed archive, each directory before its content.
func pack(root tree) ([]byte, error) {
	dirs := map[string]os.FileMode{}
	mkdir := func(name string, perm os.FileMode) {
		for d := path.Dir(name); d != "."; d = path.Dir(d) {
			if _, ok := dirs[d]; !ok {
				dirs[d] = 0o755
			}
		}
		if perm != 0 {
			dirs[name] = perm
		}
	}
	for d, perm := range emptyDirs {
		mkdir(d, perm)
	}
	var names []string
	for n := range root {
		mkdir(n, 0)
		names = append(names, n)
	}
	for d := range dirs {
		names = append(names, d)
	}
	sort.Strings(names)

	var out bytes.Buffer
	zip, err := gzip.NewWriterLevel(&out, gzip.BestSpeed) // unpacked at each boot, on a slow CPU
	if err != nil {
		return nil, err
	}
	c := &cpio{w: zip}
	for _, n := range names {
		switch f, isFile := root[n]; {
		case !isFile:
			c.dir(n, dirs[n])
		case f.link != "":
			c.symlink(n, f.link)
		default:
			c.regular(n, f.mode, f.data)
		}
	}
	// The kernel opens it for init before init can mount /dev.
	c.device("dev/console", 0o600, 5, 1)
	if err := c.close(); err != nil {
		return nil, err
	}
	if err := zip.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// write replaces a file atomically.
func write(name string, data []byte) error {
	tmp := name + ".new"
	if err := os.WriteFile(tmp, data, 0o644); err != nil {
		return err
	}
	return os.Rename(tmp, name)
}

// SPDX-License-Identifier: Apache-2.0

package guest

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type cpioEntry struct {
	Name, Data   string
	Mode         int
	Major, Minor int
}

// readCPIO parses the format by its description, without the writer's code.
func readCPIO(t *testing.T, b []byte) (out []cpioEntry) {
	t.Helper()
	inodes := map[int]bool{}
	for {
		if len(b) < 110 || string(b[:6]) != "070701" {
			t.Fatalf("no header in %q", b[:min(len(b), 16)])
		}
		field := func(i int) int {
			n, err := strconv.ParseUint(string(b[6+8*i:14+8*i]), 16, 32)
			if err != nil {
				t.Fatal(err)
			}
			return int(n)
		}
		nameEnd := 110 + field(11)
		e := cpioEntry{Name: string(b[110 : nameEnd-1]), Mode: field(1), Major: field(9), Minor: field(10)}
		dataStart := (nameEnd + 3) &^ 3
		dataEnd := dataStart + field(6)
		e.Data = string(b[dataStart:dataEnd])
		if e.Name == "TRAILER!!!" {
			return out
		}
		if inodes[field(0)] {
			t.Errorf("%s: inode %d again: the kernel takes it for a hard link", e.Name, field(0))
		}
		inodes[field(0)] = true
		out = append(out, e)
		b = b[(dataEnd+3)&^3:]
	}
}

func TestCPIO(t *testing.T) {
	var b bytes.Buffer
	c := &cpio{w: &b}
	c.dir("etc", 0o755)
	c.regular("etc/a", 0o600, []byte("12345"))
	c.regular("etc/empty", 0o644, nil)
	c.symlink("sh", "busybox")
	c.device("dev/console", 0o600, 5, 1)
	if err := c.close(); err != nil {
		t.Fatal(err)
	}
	if b.Len()%4 != 0 {
		t.Errorf("%d bytes are not a multiple of 4", b.Len())
	}
	want := []cpioEntry{
		{Name: "etc", Mode: 0o040755},
		{Name: "etc/a", Mode: 0o100600, Data: "12345"},
		{Name: "etc/empty", Mode: 0o100644},
		{Name: "sh", Mode: 0o120777, Data: "busybox"},
		{Name: "dev/console", Mode: 0o020600, Major: 5, Minor: 1},
	}
	if diff := cmp.Diff(want, readCPIO(t, b.Bytes())); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestParseDepends(t *testing.T) {
	got := parseDepends("Pre-Depends: libc6 (>= 2.36), libx:any\nDepends: a | b, c (= 1) | d\n")
	if diff := cmp.Diff([]string{"libc6", "libx", "a", "c"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// moduleFile is the smallest ELF file with a section .modinfo.
func moduleFile(info string) []byte {
	const header, section = 64, 64
	names := "\x00.modinfo\x00.shstrtab\x00"
	b := make([]byte, header)
	copy(b, "\x7fELF\x02\x01\x01")
	le := binary.LittleEndian
	le.PutUint16(b[16:], 1)  // relocatable
	le.PutUint16(b[18:], 62) // x86-64
	le.PutUint32(b[20:], 1)
	le.PutUint64(b[40:], header) // section headers
	le.PutUint16(b[52:], header)
	le.PutUint16(b[58:], section)
	le.PutUint16(b[60:], 3)
	le.PutUint16(b[62:], 2) // index of .shstrtab
	data := header + 3*section
	add := func(name, kind uint32, offset, size int) {
		s := make([]byte, section)
		le.PutUint32(s[0:], name)
		le.PutUint32(s[4:], kind)
		le.PutUint64(s[24:], uint64(offset))
		le.PutUint64(s[32:], uint64(size))
		b = append(b, s...)
	}
	add(0, 0, 0, 0)
	add(1, 1, data, len(info))
	add(10, 3, data+len(info), len(names))
	return append(append(b, info...), names...)
}

func TestModules(t *testing.T) {
	const dir = "usr/lib/modules/6.12/kernel/drivers/"
	kernel := tree{
		"usr/lib/modules/6.12/modules.builtin": {data: []byte("kernel/drivers/virtio/virtio_ring.ko\n")},
		dir + "virtio/virtio.ko":               {data: moduleFile("license=GPL\x00depends=virtio_ring\x00")},
		dir + "virtio/virtio-pci.ko":           {data: moduleFile("depends=virtio,virtio-ring\x00")},
		dir + "net/net_failover.ko":            {data: moduleFile("depends=\x00")},
		dir + "net/virtio_net.ko":              {data: moduleFile("depends=net_failover,virtio\x00")},
		dir + "net/e1000.ko":                   {data: moduleFile("depends=\x00")},
		dir + "char/virtio-rng.ko":             {data: moduleFile("depends=virtio\x00")},
	}
	got, err := modules(context.Background(), kernel, drivers)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range got {
		names = append(names, m.name)
	}
	if diff := cmp.Diff([]string{"virtio", "virtio_pci", "virtio_rng", "net_failover", "virtio_net"}, names); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	delete(kernel, dir+"net/net_failover.ko")
	if _, err := modules(context.Background(), kernel, drivers); err == nil ||
		err.Error() != "the kernel has no module net_failover, which virtio_net needs" {
		t.Errorf("error: %v", err)
	}
}

// deb makes a package; files are the contents by path.
func deb(t *testing.T, dir, name, depends string, files map[string][]byte) {
	t.Helper()
	root := filepath.Join(t.TempDir(), name)
	put := func(p string, data []byte) {
		p = filepath.Join(root, p)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, data, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	control := "Package: " + name + "\nVersion: 1\nArchitecture: amd64\nMaintainer: x\nDescription: x\n"
	if depends != "" {
		control += "Depends: " + depends + "\n"
	}
	put("DEBIAN/control", []byte(control))
	for p, data := range files {
		put(p, data)
	}
	if out, err := exec.Command("dpkg-deb", "--build", "--root-owner-group", "-Znone", root,
		filepath.Join(dir, name+"_1_amd64.deb")).CombinedOutput(); err != nil {
		t.Fatalf("dpkg-deb: %v: %s", err, out)
	}
}

// A guest of replacement packages: a program of this host, with its own libraries in a package that
// is only a dependency of a dependency.
func TestBuild(t *testing.T) {
	if _, err := exec.LookPath("dpkg-deb"); err != nil {
		t.Skip("dpkg-deb is not installed")
	}
	program, err := os.ReadFile("/bin/ls")
	if err != nil {
		t.Skip("no program to try with: ", err)
	}
	interpreter, needed, err := loader(program)
	if err != nil || interpreter == "" {
		t.Skip("/bin/ls is not dynamic: ", err)
	}
	libs := map[string][]byte{}
	var collect func(names ...string)
	collect = func(names ...string) {
		for _, n := range names {
			p := "usr/lib/x86_64-linux-gnu/" + filepath.Base(n)
			if libs[p] != nil {
				continue
			}
			data, err := os.ReadFile("/" + p)
			if err != nil {
				if data, err = os.ReadFile(filepath.Join("/lib64", filepath.Base(n))); err != nil {
					t.Skip("not a Debian of this architecture: ", err)
				}
			}
			libs[p] = data
			_, more, err := loader(data)
			if err != nil {
				t.Fatal(err)
			}
			collect(more...)
		}
	}
	collect(append(needed, interpreter)...)

	debs := t.TempDir()
	deb(t, debs, kernelPackage, "linux-image-6.12-cloud-amd64 (= 1)", nil)
	deb(t, debs, "linux-image-6.12-cloud-amd64", "", map[string][]byte{
		"boot/vmlinuz-6.12-cloud-amd64":                        []byte("kernel"),
		"usr/lib/modules/6.12/kernel/drivers/virtio/virtio.ko": moduleFile("depends=\x00"),
		"usr/lib/modules/6.12/kernel/drivers/virtio_pci.ko":    moduleFile("depends=virtio\x00"),
		"usr/lib/modules/6.12/kernel/drivers/virtio_net.ko":    moduleFile("depends=virtio\x00"),
		"usr/lib/modules/6.12/kernel/drivers/virtio-rng.ko":    moduleFile("depends=virtio\x00"),
	})
	deb(t, debs, "busybox-static", "", map[string][]byte{"usr/bin/busybox": []byte("busybox")})
	deb(t, debs, "dropbear-bin", "middle | other, virtual", map[string][]byte{"usr/sbin/dropbear": program})
	deb(t, debs, "middle", "libs (>= 1)", nil)
	deb(t, debs, "libs", "", libs)

	files, err := Build(context.Background(), DebsIn(debs), filepath.Join(t.TempDir(), "guest"))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(files.Kernel); err != nil || string(b) != "kernel" {
		t.Errorf("kernel: %q, %v", b, err)
	}
	if i, err := os.Stat(files.Disk); err != nil || i.Size() != 1<<20 {
		t.Errorf("disk: %v, %v", i, err)
	}
	initrd, err := os.ReadFile(files.Initrd)
	if err != nil {
		t.Fatal(err)
	}
	zip, err := gzip.NewReader(bytes.NewReader(initrd))
	if err != nil {
		t.Fatal(err)
	}
	archive, err := io.ReadAll(zip)
	if err != nil {
		t.Fatal(err)
	}
	byName, made := map[string]cpioEntry{}, map[string]bool{".": true}
	for _, e := range readCPIO(t, archive) {
		if !made[filepath.Dir(e.Name)] {
			t.Errorf("%s comes before its directory", e.Name)
		}
		made[e.Name] = e.Mode&typeDir != 0
		byName[e.Name] = e
	}
	for name, data := range map[string]string{
		"bin/busybox": "busybox", "bin/sh": "busybox", "sbin/dropbear": string(program), "init": string(initScript),
		"lib/modules/order":                  "virtio\nvirtio_pci\nvirtio_rng\nvirtio_net\n",
		strings.TrimPrefix(interpreter, "/"): string(libs["usr/lib/x86_64-linux-gnu/"+filepath.Base(interpreter)]),
	} {
		if byName[name].Data != data {
			t.Errorf("%s has %d bytes, want %d", name, len(byName[name].Data), len(data))
		}
	}
	for _, n := range needed {
		if byName["lib/"+n].Data == "" {
			t.Errorf("library %s is missing", n)
		}
	}
	if e := byName["dev/console"]; e.Major != 5 || e.Minor != 1 {
		t.Errorf("dev/console: %+v", e)
	}

	again, err := Build(context.Background(), DebsIn(debs), filepath.Join(t.TempDir(), "guest"))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(again.Initrd); err != nil || !bytes.Equal(b, initrd) {
		t.Errorf("a second build differs: %v", err)
	}

	if err := os.Remove(filepath.Join(debs, "libs_1_amd64.deb")); err != nil {
		t.Fatal(err)
	}
	if _, err := Build(context.Background(), DebsIn(debs), t.TempDir()); err == nil ||
		!strings.Contains(err.Error(), "no package that dropbear-bin depends on has ") {
		t.Errorf("without the libraries: %v", err)
	}
}

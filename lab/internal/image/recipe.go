// SPDX-License-Identifier: Apache-2.0

package image

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"sort"
	"strings"
)

// files is what a stock image has on top of Debian's packages; the tree below
// files/ is copied to the root of the image.
//
//go:embed all:files
var files embed.FS

// base are the packages that Debian's own image for EC2 brings along and that
// a cloud relies on: cloud-init with its DHCP client, networkd, sshd, a resolver.
// Debian's has netplan between cloud-init and networkd, but netplan has networkd
// find a NIC by its permanent address, and the lab's, being TAP devices, have
// none. ifupdown, which cloud-init would prefer to both, is in neither.
var base = []string{
	"systemd", "systemd-sysv", "udev", "dbus", "libpam-systemd", "systemd-resolved", "systemd-timesyncd",
	"openssh-server", "sudo", "ca-certificates", "python3", "locales",
	"cloud-init", "dhcpcd-base",
	"iproute2", "iputils-ping", "ethtool", "netbase", "procps", "kmod", "logrotate", "cron",
	"curl", "less", "vim-tiny", "tcpdump", "bash-completion",
}

// Recipe says what a stock image is made of. Two equal recipes make the same
// image, so its hash is the image's name in the store.
type Recipe struct {
	Suite string // of Debian, such as trixie
	// Archive are packages that lie in the image's own apt archive, with all
	// that they depend on, but are not installed: a machine of the lab has no
	// way out to fetch them.
	Archive []string
	// Extra are packages that are only fetched beside the image, with what it
	// lacks of their dependencies: what a guest is built from.
	Extra []string
}

// layout changes whenever the way an image is put together does.
const layout = "8"

// Key is the content hash of the recipe: packages, files and layout, in 17
// hexadecimal digits.
func (r Recipe) Key() string {
	h := sha256.New()
	list := func(name string, s []string) {
		s = append([]string(nil), s...)
		sort.Strings(s)
		fmt.Fprintf(h, "%s %s\n", name, strings.Join(s, " "))
	}
	fmt.Fprintf(h, "layout %s\nsuite %s\n", layout, r.Suite)
	list("base", base)
	list("archive", r.Archive)
	list("apart", r.Extra)
	// The embedded tree can't fail to be read: it is part of the binary.
	_ = fs.WalkDir(files, "files", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := files.ReadFile(path)
		fmt.Fprintf(h, "file %s %x\n", path, sha256.Sum256(b))
		return err
	})
	return hex.EncodeToString(h.Sum(nil))[:17]
}

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

// files are a stock image's files beyond Debian's packages: the tree below files/ is copied
// to the root of the image.
//
//go:embed all:files
var files embed.FS

// base are packages that Debian's image for EC2 has and clouds rely on: cloud-init with its
// DHCP client, networkd, sshd, a resolver. Debian's image has netplan between cloud-init
// and networkd; but netplan makes networkd match a NIC by its permanent address, which the
// lab's TAP devices lack. ifupdown, which cloud-init would prefer to both, is in neither
// image.
var base = []string{
	"systemd", "systemd-sysv", "udev", "dbus", "libpam-systemd", "systemd-resolved", "systemd-timesyncd",
	"openssh-server", "sudo", "ca-certificates", "python3", "locales",
	"cloud-init", "dhcpcd-base",
	"iproute2", "iputils-ping", "ethtool", "netbase", "procps", "kmod", "logrotate", "cron",
	"curl", "less", "vim-tiny", "tcpdump", "bash-completion",
}

// Recipe describes a stock image. Equal recipes make equal images, so the recipe's hash is
// the image's name in the store.
type Recipe struct {
	Suite string // of Debian, such as trixie
	// Archive are packages in the image's own apt archive, with all their dependencies.
	// They are not installed; a machine in the lab has no other source of packages.
	Archive []string
	// Extra are packages that are only stored beside the image, with the dependencies that
	// the image lacks: what a guest is built from.
	Extra []string
}

// layout must change whenever build changes.
const layout = "8"

// Key is the recipe's content hash over packages, files and layout, as 17 hexadecimal
// digits.
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
	// Reading the embedded tree cannot fail.
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

// SPDX-License-Identifier: Apache-2.0

package image

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"slices"
	"sort"
	"strings"
)

// files are a stock image's files beyond Debian's packages: the tree below files/ is copied
// to the root of the image.
//
//go:embed all:files
var files embed.FS

// base are the packages of Debian 13's image for EC2 on amd64: the lists below
// config_space/13/package_config of Debian's cloud-team/debian-cloud-images for the classes
// SYSTEM_BOOT, CLOUD, EC2, EXTRAS and TIME_SYSTEMD, on top of a minbase system and without
// recommended packages, as there. What a container has no use for is left out: kernel, boot
// loader and initramfs (linux-image-cloud-amd64, grub-cloud-amd64, dosfstools,
// cloud-initramfs-growroot); and awscli, on which nothing depends, for its 150 MB.
var base = slices.Concat(
	[]string{ // SYSTEM_BOOT
		"sudo", "e2fsprogs", "libpam-systemd", "systemd-resolved", "libnss-resolve", "libnss-myhostname",
		"netplan.io", "polkitd", "unattended-upgrades", "apparmor", "zstd", "apt-utils", "init", "iptables",
		"iputils-ping", "linux-sysctl-defaults", "less", "nano", "netbase", "vim-tiny", "whiptail",
	},
	[]string{"systemd-timesyncd"},                                   // TIME_SYSTEMD
	[]string{"openssh-server", "ssh-import-id"},                     // CLOUD
	[]string{"cloud-init", "cloud-guest-utils", "amazon-ec2-utils"}, // EC2
	[]string{ // EXTRAS
		"apt-listchanges", "bash-completion", "bind9-host", "man-db", "manpages", "socat", "pciutils",
		"reportbug", "traceroute", "vim", "psmisc", "tcpdump", "ca-certificates", "curl", "ethtool",
		"uuid-runtime", "screen", "xz-utils",
	},
)

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
const layout = "9"

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

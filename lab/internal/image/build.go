// SPDX-License-Identifier: Apache-2.0

package image

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// generator is netplan's systemd generator, which the lab wraps: see files.
const generator = "/usr/libexec/netplan/generate"

// archiveDir is the path of an image's apt archive in a machine.
const archiveDir = "var/lib/macaw/archive"

// Users created in a machine, starting with cloud-init's admin, get these IDs, and their
// groups too. The kernel does not distinguish users of a machine from users of this host
// with the same ID: a host user could trace their processes, and enter the machine through
// their /proc/PID/root (ptrace(2), "Ptrace access mode checking"), where admin may become
// root. The range is above all of systemd's ranges for a host's users
// (https://systemd.io/UIDS-GIDS) and below those that useradd gives to containers
// (login.defs(5), SUB_UID_MIN).
const (
	firstUserID = 99000
	lastUserID  = 99999
)

// userIDsHook makes useradd and adduser use these IDs.
func userIDsHook() string {
	return fmt.Sprintf(`set -e
for id in UID GID; do
	sed -i -e "s/^${id}_MIN.*/${id}_MIN %[1]d/" -e "s/^${id}_MAX.*/${id}_MAX %[2]d/" "$1/etc/login.defs"
	if test -e "$1/etc/adduser.conf"; then
		printf 'FIRST_%%s=%[1]d\nLAST_%%s=%[2]d\n' $id $id >> "$1/etc/adduser.conf"
	fi
	grep -q "^${id}_MIN %[1]d$" "$1/etc/login.defs"
	grep -q "^${id}_MAX %[2]d$" "$1/etc/login.defs"
done`, firstUserID, lastUserID)
}

// build makes the stock root file system of r in dir/rootfs and downloads the packages that
// stay outside it into dir/apart. The tools' output goes to log. dir must be empty; the
// caller removes it after an error.
func build(ctx context.Context, r Recipe, dir string, log *os.File) error {
	overlay := filepath.Join(dir, "overlay")
	if err := copyFiles(overlay); err != nil {
		return err
	}
	apart := filepath.Join(dir, "apart")
	if err := os.MkdirAll(apart, 0o755); err != nil {
		return err
	}
	mirror, err := mirror(ctx)
	if err != nil {
		return err
	}
	root := filepath.Join(dir, "rootfs")
	// The hooks get the image's root as $1, and an apt configuration that resolves packages
	// for the image but downloads them as the host does.
	args := []string{
		"--mode=root", "--format=directory", "--variant=minbase",
		"--skip=cleanup/apt/lists",
		"--aptopt=Acquire::Languages \"none\"",
		"--aptopt=APT::Install-Recommends \"false\"",
		"--include=" + strings.Join(base, ","),
	}
	if len(r.Archive) > 0 {
		args = append(args, "--customize-hook="+archiveHook(r.Archive))
	}
	if len(r.Extra) > 0 {
		args = append(args, "--customize-hook="+fetchHook(r.Extra, apart))
	}
	args = append(args,
		// mmdebstrap's sources name the mirror; a machine only has its archive.
		`--customize-hook=rm -f "$1"/etc/apt/sources.list.d/*`,
		`--customize-hook=chroot "$1" dpkg-divert --quiet --local --rename --divert `+generator+`.debian `+generator,
		"--customize-hook=sync-in "+overlay+" /",
		`--customize-hook=chmod 755 "$1"`+generator,
		"--customize-hook="+userIDsHook(),
		`--customize-hook=chroot "$1" systemctl --quiet enable systemd-networkd.service systemd-resolved.service`,
		// Identities must be unique per machine.
		`--customize-hook=rm -f "$1"/etc/ssh/ssh_host_* "$1"/etc/hostname "$1"/etc/resolv.conf && : > "$1"/etc/machine-id`,
		`--customize-hook=rm -rf "$1"/var/lib/apt/lists && mkdir -p "$1"/var/lib/apt/lists/partial && `+
			`ln -sf ../run/systemd/resolve/stub-resolv.conf "$1"/etc/resolv.conf`,
		r.Suite, root, mirror)
	cmd := exec.CommandContext(ctx, "mmdebstrap", args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive", "SOURCE_DATE_EPOCH=0")
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Run(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return fmt.Errorf("building the stock image: mmdebstrap is not installed: %w", err)
		}
		return fmt.Errorf("building the stock image: mmdebstrap: %w (its output is in %s)", err, log.Name())
	}
	return os.RemoveAll(overlay)
}

// archiveHook downloads packages with their dependencies into a flat apt archive in the
// image.
func archiveHook(packages []string) string {
	return `set -e
export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"
apt-get --yes --download-only --no-install-recommends install ` + strings.Join(packages, " ") + `
mkdir -p "$1/` + archiveDir + `"
mv "$1"/var/cache/apt/archives/*.deb "$1/` + archiveDir + `/"
unset APT_CONFIG
cd "$1/` + archiveDir + `"
apt-ftparchive packages . > Packages
apt-ftparchive release . > Release`
}

// fetchHook downloads packages, with the dependencies that the image lacks, to a directory
// of the host.
func fetchHook(packages []string, dir string) string {
	return `set -e
export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"
apt-get --yes --download-only --reinstall --no-install-recommends install ` + strings.Join(packages, " ") + `
mv "$1"/var/cache/apt/archives/*.deb "` + dir + `/"`
}

// mirror returns the Debian mirror that this host uses, so that the lab uses a configured
// proxy or local mirror too.
func mirror(ctx context.Context) (string, error) {
	if m := os.Getenv("MACAW_DEBIAN_MIRROR"); m != "" {
		return m, nil
	}
	const fallback = "http://deb.debian.org/debian"
	out, err := exec.CommandContext(ctx, "apt-get", "indextargets", "--format", "$(ORIGIN) $(SUITE) $(REPO_URI)",
		"Created-By: Packages").Output()
	if err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		return fallback, nil
	}
	return pickMirror(string(out), fallback), nil
}

// pickMirror finds the address of the main Debian archive in apt's lines of "origin suite
// address". It skips the security archive, which holds only part of a release.
func pickMirror(targets, fallback string) string {
	for line := range strings.Lines(targets) {
		f := strings.Fields(line)
		if len(f) == 3 && f[0] == "Debian" && !strings.Contains(f[1], "security") {
			return strings.TrimSuffix(f[2], "/")
		}
	}
	return fallback
}

// copyFiles writes the embedded tree into dir.
func copyFiles(dir string) error {
	return fs.WalkDir(files, "files", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		to := filepath.Join(dir, strings.TrimPrefix(path, "files"))
		if d.IsDir() {
			return os.MkdirAll(to, 0o755)
		}
		b, err := files.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(to, b, 0o644)
	})
}

// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Most of an installation's time goes into what its six hundred packages do one after the other, and what
// is needed once, at the end: compiling Python code, reading unit files, indexing manual pages, waiting
// for the disk. quickApt keeps them from it; finishPackages and compilePython do it once.

// quickDir has programs that come before others of the same name while packages are installed.
const quickDir = "/var/lib/macaw/quick"

// quickPrograms are those programs.
var quickPrograms = []file{
	{Path: quickDir + "/py3compile", Mode: 0o755, Content: []byte("#!/bin/sh\n# See compilePython in macaw-node.\n")},
	{Path: quickDir + "/systemctl", Mode: 0o755, Content: []byte(`#!/bin/sh
# Unit files are read once, after all packages.
case "$*" in
daemon-reload | "--system daemon-reload") exit 0 ;;
esac
exec /usr/bin/systemctl "$@"
`)},
}

const (
	// withoutSync has no program wait for the disk. Everything is synced once before the stamp marks the
	// package step as complete: a machine that loses power earlier has no cloud yet, and is made anew.
	withoutSync        = "LD_PRELOAD=libeatmydata.so"
	withoutSyncPackage = "libeatmydata1"
	// manualPages is the file without which man-db does not index manual pages (man-db.postinst).
	manualPages = "/var/lib/man-db/auto-update"
	// answers are for packages' questions. Otherwise the dashboard would be a site of its own, and its
	// static files be built for that, and then once more for where Macaw serves it.
	debconfAnswers = "openstack-dashboard-apache horizon/activate_vhost boolean false\n"
)

// quickApt prepares a quick installation, and returns apt's options and environment for it.
func (n *node) quickApt(ctx context.Context, env []string) (options, quick []string, err error) {
	for _, f := range quickPrograms {
		if _, err := f.write(n.root); err != nil {
			return nil, nil, err
		}
	}
	// Beside it, so that a run after a killed one finds it.
	if err := rename(filepath.Join(n.root, manualPages), filepath.Join(n.root, quickDir, "auto-update")); err != nil {
		return nil, nil, err
	}
	if _, err := n.run(ctx, command{Args: []string{"debconf-set-selections"}, Stdin: debconfAnswers, Env: env}); err != nil {
		return nil, nil, fmt.Errorf("answering packages' questions: %w", err)
	}
	first := command{Args: append(append([]string{"apt-get", "install"}, aptOptions...), withoutSyncPackage), Env: env}
	if err := n.runApt(ctx, first); err != nil {
		return nil, nil, err
	}
	// apt sets the PATH of dpkg and its scripts itself (apt.conf(5), DPkg::Path).
	options = []string{"-o", "DPkg::Path=" + quickDir + ":/usr/sbin:/usr/bin:/sbin:/bin"}
	return options, append(slices.Clone(env), withoutSync, "APT_LISTCHANGES_FRONTEND=none"), nil
}

// finishPackages undoes quickApt, and does what packages did not do.
func (n *node) finishPackages(ctx context.Context) error {
	if err := rename(filepath.Join(n.root, quickDir, "auto-update"), filepath.Join(n.root, manualPages)); err != nil {
		return err
	}
	if err := os.RemoveAll(filepath.Join(n.root, quickDir)); err != nil {
		return err
	}
	if _, err := n.run(ctx, command{Args: []string{"systemctl", "daemon-reload"}}); err != nil {
		return fmt.Errorf("telling systemd of new units: %w", err)
	}
	return nil
}

// rename renames a file if there is one.
func rename(from, to string) error {
	err := os.Rename(from, to)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// compilePython compiles what packages leave uncompiled, on all processors, except tests: they are more
// than half of the code, and nobody runs them. It skips what is compiled.
func (n *node) compilePython(ctx context.Context) error {
	// Its status is 1 if there is a file that it cannot compile, and there are: templates.
	_, _ = n.run(ctx, command{Args: []string{"python3", "-m", "compileall", "-q", "-j", "0", "-x", "/tests?/",
		"/usr/lib/python3/dist-packages", "/usr/share/openstack-dashboard"}})
	return ctx.Err()
}

// SPDX-License-Identifier: Apache-2.0

package packages

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"macaw.example/internal/configfile"
	"macaw.example/internal/execute"
)

// Most of an installation's time goes into what its six hundred packages do one after the other, and what
// is needed once, at the end: compiling Python code, reading unit files, indexing manual pages, waiting
// for the disk. quickApt keeps them from it; finishPackages and compilePython do it once.

// quickDir has programs that come before others of the same name while packages are installed.
const quickDir = "/var/lib/macaw/quick"

// quickPrograms are those programs.
var quickPrograms = []configfile.File{
	{Path: quickDir + "/py3compile", Mode: 0o755, Content: []byte("#!/bin/sh\n# See compilePython in macaw-node.\n")},
	{Path: quickDir + "/systemctl", Mode: 0o755, Content: []byte(`#!/bin/sh
# Unit files are read once, after all packages.
case "$*" in
daemon-reload | "--system daemon-reload") exit 0 ;;
esac
exec /usr/bin/systemctl "$@"
`)},
	{Path: quickDir + "/dpkg-trigger", Mode: 0o755, Content: []byte(`#!/bin/sh
# See buildDashboard in macaw-node.
case "$*" in
*` + dashboardTrigger + `*) exit 0 ;;
esac
exec /usr/bin/dpkg-trigger "$@"
`)},
}

// dashboardTrigger has openstack-dashboard build its static files anew, because openstack-dashboard-apache
// has changed where it is served.
const dashboardTrigger = "openstack-dashboard-rebuild-static"

const (
	// withoutSync has no program wait for the disk, see beginUnsynced.
	withoutSync        = "LD_PRELOAD=libeatmydata.so"
	withoutSyncPackage = "libeatmydata1"
	// defaultPolicies are OpenStack's default policies, all of them comments. They are not installed: each
	// service would parse up to 3,900 lines at its start, slowly.
	defaultPolicies = "/etc/*/policy.d/00_default_policy.yaml"
	// manualPages is the file without which man-db does not index manual pages (man-db.postinst).
	manualPages = "/var/lib/man-db/auto-update"
)

// quickApt prepares a quick installation, and returns apt's options and environment for it.
func (m *Machine) quickApt(ctx context.Context, env []string, unsynced bool) (options, quick []string, err error) {
	for _, f := range quickPrograms {
		if _, err := f.Write(m.Root); err != nil {
			return nil, nil, err
		}
	}
	// Beside it, so that a run after a killed one finds it.
	if err := rename(filepath.Join(m.Root, manualPages), filepath.Join(m.Root, quickDir, "auto-update")); err != nil {
		return nil, nil, err
	}
	// apt sets the PATH of dpkg and its scripts itself (apt.conf(5), DPkg::Path).
	options = []string{"-o", "DPkg::Path=" + quickDir + ":/usr/sbin:/usr/bin:/sbin:/bin",
		"-o", "DPkg::Options::=--path-exclude=" + defaultPolicies}
	quick = append(slices.Clone(env), "APT_LISTCHANGES_FRONTEND=none")
	if !unsynced {
		return options, quick, nil
	}
	first := execute.Command{Env: env,
		Args: append(append([]string{"apt-get", "install"}, aptOptions...), withoutSyncPackage)}
	if err := m.runApt(ctx, first); err != nil {
		return nil, nil, err
	}
	return append(options, "-o", "Dpkg::Options::=--force-unsafe-io"), append(quick, withoutSync), nil
}

// finishPackages undoes quickApt, and does what packages did not do.
func (m *Machine) finishPackages(ctx context.Context) error {
	if err := rename(filepath.Join(m.Root, quickDir, "auto-update"), filepath.Join(m.Root, manualPages)); err != nil {
		return err
	}
	if err := os.RemoveAll(filepath.Join(m.Root, quickDir)); err != nil {
		return err
	}
	if _, err := m.Run(ctx, execute.Command{Args: []string{"systemctl", "daemon-reload"}}); err != nil {
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

// buildDashboard does what the trigger would do, while the other processor makes the schemas.
func (m *Machine) buildDashboard(ctx context.Context) error {
	if _, err := m.Run(ctx, execute.Command{Args: []string{"sh", "/var/lib/dpkg/info/openstack-dashboard.postinst",
		"triggered", dashboardTrigger}}); err != nil {
		return fmt.Errorf("building the dashboard's static files: %w", err)
	}
	return nil
}

// compilePython compiles what packages leave uncompiled, on all processors, except tests: they are more
// than half of the code, and nobody runs them. It skips what is compiled.
func (m *Machine) compilePython(ctx context.Context) error {
	return m.compileAll(ctx, "0")
}

// compileMeanwhile compiles the code of packages that are unpacked already, until stop: dpkg keeps one
// processor busy.
func (m *Machine) compileMeanwhile(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var compiling sync.WaitGroup
	compiling.Go(func() {
		tick := time.NewTicker(compileEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				_ = m.compileAll(ctx, "1", "nice", "-n", "19") // compilePython sees what is left
			}
		}
	})
	return func() {
		cancel()
		compiling.Wait()
	}
}

// compileEvery is how long compileMeanwhile waits for more packages.
const compileEvery = 4 * time.Second

// compileAll runs Python's compileall in so many processes, by a command like nice.
func (m *Machine) compileAll(ctx context.Context, processes string, by ...string) error {
	out, err := m.Run(ctx, execute.Command{Args: append(by, "python3", "-m", "compileall", "-q", "-j", processes, "-x",
		"/tests?/", "/usr/lib/python3/dist-packages", "/usr/share/openstack-dashboard")})
	if err != nil && (ctx.Err() != nil || !onlyUncompilable(out, err)) {
		return fmt.Errorf("compiling Python code: %w", err)
	}
	return nil
}

// machineErrors are parts of compileall's messages about the machine: an error of the system, such as a
// full disk, and a process of its own that was killed, or had no memory.
var machineErrors = []string{"[Errno ", "BrokenProcessPool", "MemoryError"}

// onlyUncompilable reports whether compileall has failed only because of files that are not valid Python,
// and there are: templates. Its exit status is 1 then, but it is that, too, after a machineError.
func onlyUncompilable(out string, err error) bool {
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		return false
	}
	text := out + err.Error()
	return !slices.ContainsFunc(machineErrors, func(part string) bool { return strings.Contains(text, part) })
}

// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"macaw.example/lab/internal/control"
	"macaw.example/lab/internal/ec2"
	"macaw.example/lab/internal/image"
	"macaw.example/lab/internal/machine"
	"macaw.example/lab/internal/mounts"
)

// Options describe the lab to bring up.
type Options struct {
	// Recipe describes the stock image.
	Recipe image.Recipe
	// ElasticIPQuota is how many Elastic IPs the account may hold; 0 leaves it unchanged.
	ElasticIPQuota int
	// MinElasticIPQuota raises it if it is lower, NewElasticIPQuota is that of a lab that is made.
	MinElasticIPQuota, NewElasticIPQuota int
	// AnnounceMoves says whether the fabric announces a moved address; nil leaves it
	// unchanged (initially off). Reports on AWS conflict.
	AnnounceMoves *bool
	// Daemon is the command line of a process that calls Serve.
	Daemon []string
}

// Step shows an operation that takes time; the returned function is called at its end.
type Step func(what string) (done func(error))

func images() image.Store { return image.Store{Dir: filepath.Join(control.Dir, "images")} }

// ExtraPackagesDir is the directory with the packages that the recipe keeps beside the
// stock image.
func ExtraPackagesDir(r image.Recipe) string { return images().ExtraPackages(r) }

func logPath() string { return filepath.Join(control.Dir, "daemon.log") }

// Up brings the lab up, and builds the recipe's stock image if it does not exist. A lab
// that is up already is left alone.
func Up(ctx context.Context, opts Options, step Step) (control.Config, error) {
	if err := requirements(); err != nil {
		return control.Config{}, err
	}
	if err := prepare(); err != nil {
		return control.Config{}, err
	}
	// An image's files must be readable by its users.
	defer unix.Umask(unix.Umask(0o022))
	id := image.StockID(opts.Recipe)
	if _, err := images().Get(id); err != nil {
		// The machines of a lab whose daemon has died get their network back before the
		// image, which takes half a minute.
		if err := Revive(ctx, opts, step); err != nil {
			return control.Config{}, err
		}
		what := "Debian"
		if n := len(opts.Recipe.Archive); n > 0 {
			what = fmt.Sprintf("Debian, with %d packages in its archive", n)
		}
		done := step(fmt.Sprintf("stock image %s (%s)", id, what))
		_, _, err := images().Stock(ctx, opts.Recipe)
		done(err)
		if err != nil {
			return control.Config{}, err
		}
	}
	unlock, err := lock()
	if err != nil {
		return control.Config{}, err
	}
	defer unlock()
	before, _ := control.ReadConfig()
	cfg, err := configure(opts, id)
	if err != nil {
		return control.Config{}, err
	}
	if control.Ready(ctx) {
		if before == cfg {
			return cfg, nil
		}
		// Machines and their traffic continue while the daemon is replaced.
		if err := stop(ctx); err != nil {
			return control.Config{}, err
		}
	}
	return cfg, startShown(ctx, opts, step)
}

// Revive starts the daemon of a lab that has lost it, as it was configured.
func Revive(ctx context.Context, opts Options, step Step) error {
	unlock, err := lock()
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := control.ReadConfig(); errors.Is(err, fs.ErrNotExist) || control.Ready(ctx) {
		return nil
	}
	return startShown(ctx, opts, step)
}

func startShown(ctx context.Context, opts Options, step Step) error {
	done := step("EC2 API, metadata and fabric")
	err := start(ctx, opts.Daemon)
	done(err)
	return err
}

// start runs the daemon in its own session and waits until it answers.
func start(ctx context.Context, daemon []string) error {
	log, err := os.OpenFile(logPath(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	begin, err := log.Seek(0, 2)
	if err != nil {
		return err
	}
	cmd, err := detached(daemon, log)
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return fmt.Errorf("starting the lab's daemon: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for !control.Ready(ctx) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-ended:
			said, _ := os.ReadFile(logPath())
			return fmt.Errorf("starting the lab's daemon: it ended: %w: %s", err,
				strings.TrimSpace(string(said[min(begin, int64(len(said))):])))
		case <-time.After(10 * time.Millisecond):
		}
	}
	return nil
}

// stopLimit is how long a daemon may take to end.
const stopLimit = time.Minute

// stop ends the daemon and waits for its exit. A daemon that does not listen may be starting or ending: it has exited
// when its lock is free.
func stop(ctx context.Context) error {
	for begin := time.Now(); ; {
		asked := control.Ask(ctx, http.MethodPost, "/stop", nil)
		held, err := daemonLock()
		if err == nil {
			return held.Close()
		}
		if time.Since(begin) > stopLimit {
			return fmt.Errorf("waiting for the lab's daemon to end: still running after %s: %w", stopLimit,
				cmp.Or(asked, err))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Down stops the daemon and removes machines, mounts, namespaces, routes and
// state. Images stay, unless purge is set.
func Down(ctx context.Context, purge bool) error {
	unlock, err := lock()
	if err != nil {
		return err
	}
	defer unlock()
	if err := prepare(); err != nil {
		return err
	}
	if err := stop(ctx); err != nil {
		return fmt.Errorf("stopping the lab's daemon: %w", err)
	}
	m := &machine.Manager{Dir: machinesDir()}
	ids, err := m.IDs()
	if err != nil {
		return err
	}
	var errs []error
	for _, id := range ids {
		errs = append(errs, m.Destroy(ctx, id, nil))
	}
	errs = append(errs, networkDown())
	if err := errors.Join(errs...); err != nil {
		return err
	}
	// Images made in the lab are part of EC2's state.
	if err := ec2.KeepImages(statePath()); err != nil {
		return err
	}
	gone := []string{machinesDir(), control.ConfigPath(), accountPath(), settingsPath(), faultsPath(), logPath()}
	if purge {
		gone = append(gone, statePath(), authorityPath(control.Dir), authorityKeyPath(control.Dir),
			filepath.Join(control.Dir, "images"), filepath.Join(control.Dir, "guest"))
	}
	for _, path := range gone {
		if err := mounts.RemoveAll(path); err != nil {
			return err
		}
	}
	return nil
}

// prepare makes the lab's directories, accessible to root only: machines have files and
// processes of arbitrary user IDs, and no user of this host may reach them. It also fixes
// the modes of directories that an older version made.
func prepare() error {
	err := mounts.Private(filepath.Dir(control.Dir), control.Dir, filepath.Join(control.Dir, "images"), machinesDir(),
		filepath.Dir(control.Socket))
	if err != nil {
		return fmt.Errorf("making the lab's directories: %w", err)
	}
	return nil
}

// requirements returns an error that lists what the host lacks for a lab.
func requirements() error {
	if os.Geteuid() != 0 {
		return errors.New("the lab needs root, for its network namespaces and machines")
	}
	var missing []string
	for _, tool := range []struct{ name, pkg string }{
		{"mmdebstrap", "mmdebstrap"}, {"systemd-nspawn", "systemd-container"}, {"apt-ftparchive", "apt-utils"},
	} {
		if _, err := exec.LookPath(tool.name); err != nil {
			missing = append(missing, tool.pkg)
		}
	}
	if len(missing) > 0 {
		return &control.MissingError{Packages: missing}
	}
	return nil
}

// lock keeps two commands from bringing the lab up or down concurrently.
func lock() (func(), error) {
	f, err := lockFile(".lock", unix.LOCK_EX)
	if err != nil {
		return nil, err
	}
	return func() { f.Close() }, nil
}

// daemonLock is held by the daemon for its lifetime.
func daemonLock() (*os.File, error) { return lockFile(".daemon.lock", unix.LOCK_EX|unix.LOCK_NB) }

func lockFile(name string, how int) (*os.File, error) {
	if err := os.MkdirAll(control.Dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(control.Dir, name), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), how); err != nil {
		f.Close()
		return nil, fmt.Errorf("locking the lab: %w", err)
	}
	return f, nil
}

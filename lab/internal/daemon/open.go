// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"macaw.example/lab/internal/control"
	"macaw.example/lab/internal/machine"
)

// The limits of Open.
const (
	openLimit  = 2 * time.Minute       // for a daemon that another command replaces, or that is starting
	askLimit   = 10 * time.Second      // for one answer
	openPeriod = 50 * time.Millisecond // between questions
)

// Open returns the configuration of the lab whose daemon answers. It waits for a daemon that another command is
// replacing, and for one that is starting or ending. The error is control.ErrDown only if there is neither a daemon nor
// anything of a lab, and control.ErrNoDaemon if there is a lab without a daemon.
func Open(ctx context.Context) (control.Config, error) { return thisHost.open(ctx) }

// place is what Open looks at.
type place struct {
	ready func(context.Context) error
	// shared takes the lock of the commands that bring the lab up or down, together with others that only look; free is
	// nil while such a command runs.
	shared func() (free func(), err error)
	// running tells whether there is the process of a daemon.
	running  func() (bool, error)
	config   func() (control.Config, error)
	machines func() ([]string, error)
}

var thisHost = place{
	ready:    func(ctx context.Context) error { return control.Ask(ctx, http.MethodGet, "/ready", nil) },
	shared:   func() (func(), error) { return share(".lock") },
	running:  daemonRuns,
	config:   control.ReadConfig,
	machines: (&machine.Manager{Dir: machinesDir()}).IDs,
}

func (p place) open(ctx context.Context) (control.Config, error) {
	if p.ask(ctx) == nil {
		return p.config()
	}
	for begin := time.Now(); ; {
		cfg, wait, err := p.look(ctx)
		switch {
		case ctx.Err() != nil:
			return control.Config{}, context.Cause(ctx)
		case wait == "":
			return cfg, err
		case time.Since(begin) > openLimit:
			return control.Config{}, fmt.Errorf("waiting for the lab's daemon: %s for %s", wait, openLimit)
		}
		select {
		case <-ctx.Done():
		case <-time.After(openPeriod):
		}
	}
}

// look asks the daemon while no other command brings the lab up or down. wait is the reason to ask again later.
func (p place) look(ctx context.Context) (cfg control.Config, wait string, err error) {
	free, err := p.shared()
	if err != nil {
		return cfg, "", err
	}
	if free == nil {
		return cfg, "another command has been bringing the lab up or down", nil
	}
	defer free()
	err = p.ask(ctx)
	if err == nil {
		cfg, err = p.config()
		return cfg, "", err
	}
	runs, failed := p.running()
	switch {
	case failed != nil:
		return cfg, "", failed
	case runs:
		return cfg, fmt.Sprintf("it has not answered (%v)", err), nil
	case !errors.Is(err, control.ErrDown):
		return cfg, "", err
	}
	_, noConfig := p.config()
	if noConfig != nil && !errors.Is(noConfig, fs.ErrNotExist) {
		return cfg, "", noConfig
	}
	machines, failed := p.machines()
	switch {
	case failed != nil:
		return cfg, "", failed
	case noConfig == nil:
		return cfg, "", control.ErrNoDaemon
	case len(machines) > 0:
		return cfg, "", fmt.Errorf("the lab has %d machines but no configuration: %w", len(machines), noConfig)
	}
	return cfg, "", err
}

func (p place) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	return p.ready(ctx)
}

// share takes a lock file together with others; free is nil if it is taken. Without the file, nobody has it.
func share(name string) (free func(), err error) {
	f, err := os.Open(filepath.Join(control.Dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return func() {}, nil
	}
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB)
	if err == nil {
		return func() { f.Close() }, nil
	}
	f.Close()
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, nil
	}
	return nil, fmt.Errorf("locking the lab: %w", err)
}

func daemonRuns() (bool, error) {
	free, err := share(".daemon.lock")
	if err != nil || free == nil {
		return err == nil, err
	}
	free()
	return false, nil
}

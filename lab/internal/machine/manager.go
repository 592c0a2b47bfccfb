// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"macaw.example/lab/internal/mounts"
	"macaw.example/lab/internal/namespace"
)

// Signals that systemd handles as init (systemd(1), "Signals"); the numbers are relative to
// glibc's SIGRTMIN, which is 34.
const (
	sigPowerOff = syscall.Signal(34 + 4)
	sigReboot   = syscall.Signal(34 + 5)
)

// Manager keeps the machines of one lab in a directory.
type Manager struct {
	Dir string
	// Supervisor is the command line that runs Supervise on a folder, which is appended as
	// an argument.
	Supervisor []string
}

func (m *Manager) folder(id string) folder { return folder(filepath.Join(m.Dir, id)) }

// Create makes the machine's folder and its network namespace, without booting it. If the
// machine exists, it does nothing.
func (m *Manager) Create(spec Spec) error {
	f := m.folder(spec.ID)
	if err := mounts.Private(m.Dir, string(f)); err != nil {
		return err
	}
	if err := f.write(spec); err != nil {
		return err
	}
	return namespace.Add(Namespace(spec.ID))
}

// bootLimit is how long Start waits for the machine's init to begin. A host that takes
// longer may still boot it.
const bootLimit = 30 * time.Second

// Start boots a created machine, and returns when its init has begun. Its supervisor runs in
// its own session, so neither a signal to this process nor its end affects it. Starting a
// running machine does nothing.
func (m *Manager) Start(ctx context.Context, id string) error {
	f := m.folder(id)
	if f.running() {
		return nil
	}
	log, err := os.OpenFile(f.console(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(m.Supervisor[0], append(m.Supervisor[1:], string(f))...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting machine %s: %w", id, err)
	}
	// Reap the supervisor if it ends before this process does.
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for end := time.Now().Add(bootLimit); !f.booted() && time.Now().Before(end); {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ended:
			return fmt.Errorf("starting machine %s: it ended before its init began: %s", id, m.lastLine(f))
		case <-time.After(5 * time.Millisecond):
		}
	}
	return nil
}

// IDs returns the IDs of all machines, including incomplete ones.
func (m *Manager) IDs() ([]string, error) {
	entries, err := os.ReadDir(m.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var ids []string
	for _, e := range entries {
		ids = append(ids, e.Name())
	}
	return ids, err
}

// Specs returns the specs of all complete machines.
func (m *Manager) Specs() ([]Spec, error) {
	ids, err := m.IDs()
	if err != nil {
		return nil, err
	}
	var specs []Spec
	for _, id := range ids {
		spec, err := m.folder(id).read()
		if errors.Is(err, fs.ErrNotExist) {
			continue // partly created, or partly removed
		}
		if err != nil {
			return nil, err
		}
		specs = append(specs, spec)
	}
	return specs, nil
}

// Running tells whether the machine is powered on.
func (m *Manager) Running(id string) bool { return m.folder(id).running() }

// Reboot asks the machine's init to reboot.
func (m *Manager) Reboot(id string) error {
	if err := m.folder(id).signal(sigReboot); err != nil {
		return fmt.Errorf("rebooting machine %s: %w", id, err)
	}
	return nil
}

// Stop asks the machine's init to power off, and kills the machine after grace.
func (m *Manager) Stop(ctx context.Context, id string, grace time.Duration) error {
	f := m.folder(id)
	if grace > 0 {
		if err := f.signal(sigPowerOff); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("stopping machine %s: %w", id, err)
		}
		if m.wait(ctx, f, grace) == nil {
			return nil
		}
	}
	if err := m.kill(ctx, f); err != nil {
		return fmt.Errorf("stopping machine %s: %w", id, err)
	}
	return nil
}

// killGrace is how long a machine may take to end after its init was killed; after that,
// the processes that run it are killed.
const killGrace = 3 * time.Second

// kill ends a machine, even while it boots.
func (m *Manager) kill(ctx context.Context, f folder) error {
	begin := time.Now()
	for f.running() {
		var pids []int
		if pid, err := f.init(0); err == nil {
			pids = append(pids, pid)
		}
		took := time.Since(begin)
		if took > killGrace { // systemd-nspawn or the supervisor hangs
			pids = append(pids, f.keepers()...)
		}
		if took > 2*killGrace {
			return fmt.Errorf("it was killed and has not ended: %s", f.survivors())
		}
		for _, pid := range pids {
			if err := kill(pid); err != nil {
				return err
			}
		}
		_ = m.wait(ctx, f, 100*time.Millisecond)
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

func kill(pid int) error {
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("killing process %d: %w", pid, err)
	}
	return nil
}

// Wait returns when the machine is powered off.
func (m *Manager) Wait(ctx context.Context, id string) error {
	return m.wait(ctx, m.folder(id), 0)
}

func (m *Manager) wait(ctx context.Context, f folder, limit time.Duration) error {
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	for f.running() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	return nil
}

// SetNICs records the machine's network interfaces. The caller creates and removes their
// devices.
func (m *Manager) SetNICs(id string, nics []NIC) error {
	f := m.folder(id)
	spec, err := f.read()
	if err != nil {
		return err
	}
	spec.NICs = nics
	return f.write(spec)
}

// Spec returns a machine's spec; fs.ErrNotExist if there is none.
func (m *Manager) Spec(id string) (Spec, error) { return m.folder(id).read() }

// Init returns the process ID of a running machine's init, in this host's PID namespace. It
// fails with fs.ErrNotExist if the machine is not running.
func (m *Manager) Init(id string) (pid int, err error) {
	f := m.folder(id)
	if !f.running() {
		return 0, fmt.Errorf("machine %s does not run: %w", id, fs.ErrNotExist)
	}
	return f.init(5 * time.Second)
}

// Upper is the directory with the machine's changes to its image.
func (m *Manager) Upper(id string) string { return m.folder(id).upper() }

// Destroy kills the machine and removes all of it: its namespace with its devices, its
// cgroups, its mount, its files. It is idempotent. step, unless nil, is called before each
// step.
func (m *Manager) Destroy(ctx context.Context, id string, step func(string)) error {
	if step == nil {
		step = func(string) {}
	}
	step("ending its processes")
	if err := m.Stop(ctx, id, 0); err != nil {
		return err
	}
	step("removing its network namespace")
	if err := namespace.Delete(Namespace(id)); err != nil {
		return err
	}
	step("removing its cgroups")
	if err := removeCgroups(Namespace(id)); err != nil {
		return err
	}
	step("removing its files")
	return mounts.RemoveAll(string(m.folder(id)))
}

// Console returns the machine's console log, at most the last max bytes.
func (m *Manager) Console(id string, max int64) ([]byte, error) {
	file, err := os.Open(m.folder(id).console())
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if st, err := file.Stat(); err == nil && st.Size() > max {
		if _, err := file.Seek(-max, 2); err != nil {
			return nil, err
		}
	}
	var b bytes.Buffer
	_, err = b.ReadFrom(file)
	return b.Bytes(), err
}

func (m *Manager) lastLine(f folder) string {
	b, _ := os.ReadFile(f.console())
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return lines[len(lines)-1]
}

// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"macaw.example/lab/internal/mounts"
	"macaw.example/lab/internal/namespace"
)

// exitReboot is systemd-nspawn's exit code for a payload that has asked to be
// rebooted, when it runs with --keep-unit (systemd-nspawn(1), "Exit status").
const exitReboot = 133

// ErrRunning says that a machine has a supervisor already.
var ErrRunning = errors.New("machine is running")

// Supervise runs the machine in dir until it is powered off: it mounts the
// overlay, boots it, and boots it again after a reboot. It is the body of a
// process of its own, which outlives the lab's daemon; a lock held by it says
// that the machine is running, and its end is the machine's.
func Supervise(ctx context.Context, dir string) error {
	// The machine's own users must get through the directories that are made here.
	unix.Umask(0o022)
	f := folder(dir)
	lock, err := hold(f.lock())
	if err != nil {
		return err
	}
	defer lock.Close()
	// One who was killed has left the ID of a process that may be anybody's now.
	if err := os.Remove(f.leader()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := sign(lock); err != nil {
		return err
	}
	spec, err := f.read()
	if err != nil {
		return err
	}
	host := hostFacts()
	if !host.systemd {
		leave, err := ownCgroup(Namespace(spec.ID))
		if err != nil {
			return err
		}
		defer leave()
	}
	console, err := os.OpenFile(f.console(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer console.Close()
	return mounts.OnThread(func() error {
		if err := mountRoot(f, spec); err != nil {
			return err
		}
		for {
			if err := elsewhere(func() (err error) { spec, err = renew(f); return err }); err != nil {
				return err
			}
			code, err := boot(ctx, f, spec, host, console)
			if err != nil || code != exitReboot {
				return err
			}
			fmt.Fprintln(console, "machine reboots")
		}
	})
}

// renew does to a machine's network what power does: it has forgotten its
// interfaces, routes and rules; its NICs stay plugged in, those that came since it
// was switched on too.
func renew(f folder) (Spec, error) {
	spec, err := f.read()
	if err != nil {
		return Spec{}, err
	}
	var devices []string
	for _, n := range spec.NICs {
		devices = append(devices, n.Device)
	}
	return spec, namespace.Renew(Namespace(spec.ID), devices)
}

// elsewhere calls fn on another thread than the caller's, whose mounts are nobody
// else's.
func elsewhere(fn func() error) error {
	done := make(chan error, 1)
	go func() { done <- fn() }()
	return <-done
}

// boot runs systemd-nspawn once and returns its exit code. The caller's thread is
// locked: its mounts are those of the machine, and when it ends so does the
// machine.
func boot(ctx context.Context, f folder, spec Spec, host facts, console *os.File) (int, error) {
	cmd := exec.CommandContext(ctx, "systemd-nspawn", arguments(f, spec, host)...)
	cmd.Env = append(os.Environ(),
		// systemd in the machine is new enough to want cgroup v2 whatever
		// the host has mounted.
		"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1",
		// OpenStack's agents set sysctls of network namespaces.
		"SYSTEMD_NSPAWN_API_VFS_WRITABLE=network",
	)
	cmd.Stdout, cmd.Stderr = console, console
	// A supervisor that is killed lets go of the lock. Its machine would run on
	// unseen, and a second one on the same disk.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("booting machine %s: %w", spec.ID, err)
	}
	if err := os.WriteFile(f.leader(), []byte(strconv.Itoa(cmd.Process.Pid)), 0o600); err != nil {
		return 0, errors.Join(err, cmd.Process.Kill(), cmd.Wait())
	}
	err := cmd.Wait()
	os.Remove(f.leader())
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), nil
	}
	return 0, err
}

// facts are what the host decides about how a machine is booted.
type facts struct {
	systemd bool // the host's init is systemd
	kvm     bool // the host has /dev/kvm
}

func hostFacts() facts {
	_, errSystemd := os.Stat("/run/systemd/system")
	_, errKVM := os.Stat("/dev/kvm")
	return facts{systemd: errSystemd == nil, kvm: errKVM == nil}
}

// arguments are those of systemd-nspawn. A machine of the lab gets every
// capability: it runs libvirt, Open vSwitch and eBPF as an instance would. It
// is no security boundary.
func arguments(f folder, spec Spec, host facts) []string {
	args := []string{
		"--quiet", "--boot", "--directory=" + f.root(),
		"--machine=" + Namespace(spec.ID), "--hostname=" + spec.Hostname,
		"--register=no", "--network-namespace-path=" + namespace.Path(Namespace(spec.ID)),
		"--capability=all", "--bind=/dev/net/tun",
		// nspawn's filter refuses bpf(2) even to a machine with every
		// capability (systemd.exec(5), SystemCallFilter).
		"--system-call-filter=bpf",
		"--console=pipe", "--resolv-conf=off", "--timezone=off", "--link-journal=no",
	}
	if host.kvm {
		args = append(args, "--bind=/dev/kvm")
	}
	if !host.systemd {
		// Nobody is there to make a scope for the machine.
		args = append(args, "--keep-unit")
	}
	return args
}

// mountRoot mounts the machine's file system for the calling thread and what it
// starts. In the host's mount namespace there is no way into it, and nothing of it
// is left when machine and supervisor have ended, however they do.
func mountRoot(f folder, spec Spec) error {
	opts, err := f.overlay(spec.Layers)
	if err != nil {
		return err
	}
	// An older version mounted it for all of the host.
	if err := mounts.RemoveAll(f.root()); err != nil {
		return err
	}
	for _, d := range []string{f.upper(), f.work(), f.root()} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	// What is unmounted on the host is unmounted here too, and nothing the other
	// way round.
	err = errors.Join(unix.Unshare(unix.CLONE_NEWNS), unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""))
	if err != nil {
		return fmt.Errorf("making a mount namespace for machine %s: %w", spec.ID, err)
	}
	if err := unix.Mount("overlay", f.root(), "overlay", 0, opts); err != nil {
		return fmt.Errorf("mounting %s: %w", f.root(), err)
	}
	return nil
}

// hold takes the lock that says "running"; ErrRunning if another has it.
func hold(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		file.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, ErrRunning
		}
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	return file, nil
}

// sign writes into the lock who holds it.
func sign(lock *os.File) error {
	if err := lock.Truncate(0); err != nil {
		return fmt.Errorf("locking %s: %w", lock.Name(), err)
	}
	if _, err := lock.WriteString(strconv.Itoa(os.Getpid())); err != nil {
		return fmt.Errorf("locking %s: %w", lock.Name(), err)
	}
	return nil
}

// running says whether a supervisor holds the machine's lock.
func (f folder) running() bool {
	lock, err := hold(f.lock())
	if err == nil {
		lock.Close()
	}
	return errors.Is(err, ErrRunning)
}

// signal sends sig to the machine's init, which is the child of the nspawn
// process. ErrNotExist when the machine is not running.
func (f folder) signal(sig syscall.Signal) error {
	if !f.running() {
		return fs.ErrNotExist
	}
	pid, err := f.init(5 * time.Second)
	if err != nil {
		return err
	}
	return syscall.Kill(pid, sig)
}

// init finds the process ID of the machine's init, as the host sees it. One that
// is being booted has none yet, and is waited for.
func (f folder) init(wait time.Duration) (int, error) {
	deadline := time.Now().Add(wait)
	for {
		b, err := os.ReadFile(f.leader())
		if err == nil {
			children, err := os.ReadFile(fmt.Sprintf("/proc/%s/task/%s/children", b, b))
			var pid int
			if err == nil {
				if _, err := fmt.Sscan(string(children), &pid); err == nil {
					return pid, nil
				}
			}
		}
		if time.Now().After(deadline) {
			return 0, fmt.Errorf("finding the init process of the machine in %s: %w", f, fs.ErrNotExist)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

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

// exitReboot is systemd-nspawn's exit code when the machine asks for a reboot, with
// --keep-unit (systemd-nspawn(1), "Exit status").
const exitReboot = 133

// ErrRunning means that a machine already has a supervisor.
var ErrRunning = errors.New("machine is running")

// Supervise runs the machine in dir until it powers off: it mounts the overlay, boots the
// machine, and boots it again after a reboot. It must run in its own process, which
// outlives the lab's daemon. It holds a lock while the machine is running; if it ends, so
// does the machine.
func Supervise(ctx context.Context, dir string) error {
	// The machine's users need access to the directories created here.
	unix.Umask(0o022)
	f := folder(dir)
	lock, err := hold(f.lock())
	if err != nil {
		return err
	}
	defer lock.Close()
	// A killed supervisor leaves a process ID that may be reused by now.
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
			var network *os.File
			if err := elsewhere(func() (err error) { spec, network, err = renew(f); return err }); err != nil {
				return err
			}
			code, err := boot(ctx, f, spec, host, network, console)
			network.Close()
			if err != nil || code != exitReboot {
				return err
			}
			fmt.Fprintln(console, "machine reboots")
		}
	})
}

// renew resets a machine's network as a power cycle does: its interfaces' configuration,
// routes and rules are lost. Its current NICs stay attached, including those attached while
// it was running. It returns the new network namespace, open.
func renew(f folder) (Spec, *os.File, error) {
	spec, err := f.read()
	if err != nil {
		return Spec{}, nil, err
	}
	var devices []string
	for _, n := range spec.NICs {
		devices = append(devices, n.Device)
	}
	if err := namespace.Renew(Namespace(spec.ID), devices); err != nil {
		return Spec{}, nil, err
	}
	network, err := namespace.Open(Namespace(spec.ID))
	return spec, network, err
}

// elsewhere calls fn on another thread, outside the caller's private mount namespace.
func elsewhere(fn func() error) error {
	done := make(chan error, 1)
	go func() { done <- fn() }()
	return <-done
}

// boot runs systemd-nspawn once and returns its exit code. The caller's thread is locked:
// it has the machine's mount namespace, and the machine ends with it. The machine's network
// namespace is passed as an open file: where the host's mounts are private, as they are
// without systemd, the machine's mount namespace does not have its name.
func boot(ctx context.Context, f folder, spec Spec, host facts, network, console *os.File) (int, error) {
	path := fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), network.Fd())
	cmd := exec.CommandContext(ctx, "systemd-nspawn", arguments(f, spec, host, path)...)
	cmd.Env = append(os.Environ(),
		// systemd in the machine requires cgroup v2, whatever the host has mounted.
		"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1",
		// OpenStack's agents set sysctls of network namespaces.
		"SYSTEMD_NSPAWN_API_VFS_WRITABLE=network",
	)
	cmd.Stdout, cmd.Stderr = console, console
	// The lock of a killed supervisor is released. Its machine would keep running
	// unnoticed, and a second one could start on the same disk.
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

// facts are the host's properties that affect how a machine is booted.
type facts struct {
	systemd bool // the host's init is systemd
	kvm     bool // the host has /dev/kvm
}

func hostFacts() facts {
	_, errSystemd := os.Stat("/run/systemd/system")
	_, errKVM := os.Stat("/dev/kvm")
	return facts{systemd: errSystemd == nil, kvm: errKVM == nil}
}

// arguments returns systemd-nspawn's arguments. A machine gets every capability: it runs
// libvirt, Open vSwitch and eBPF as an instance would. It is no security boundary.
func arguments(f folder, spec Spec, host facts, network string) []string {
	args := []string{
		"--quiet", "--boot", "--directory=" + f.root(),
		"--machine=" + Namespace(spec.ID), "--hostname=" + spec.Hostname,
		"--register=no", "--network-namespace-path=" + network,
		"--capability=all", "--bind=/dev/net/tun",
		// nspawn's filter refuses bpf(2) even with every capability (systemd.exec(5),
		// SystemCallFilter).
		"--system-call-filter=bpf",
		"--console=pipe", "--resolv-conf=off", "--timezone=off", "--link-journal=no",
	}
	if host.kvm && spec.KVM {
		args = append(args, "--bind=/dev/kvm")
	}
	if !host.systemd {
		// Without systemd on the host, nothing can create a scope.
		args = append(args, "--keep-unit")
	}
	return args
}

// mountRoot mounts the machine's file system in a private mount namespace of the calling
// thread and its children. It is not accessible from the host's mount namespace, and
// disappears with the machine and its supervisor, however they end.
func mountRoot(f folder, spec Spec) error {
	opts, err := f.overlay(spec.Layers)
	if err != nil {
		return err
	}
	// An older version mounted it in the host's namespace.
	if err := mounts.RemoveAll(f.root()); err != nil {
		return err
	}
	for _, d := range []string{f.upper(), f.work(), f.root()} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	// Unmounts on the host propagate here, but nothing propagates to the host.
	err = errors.Join(unix.Unshare(unix.CLONE_NEWNS), unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""))
	if err != nil {
		return fmt.Errorf("making a mount namespace for machine %s: %w", spec.ID, err)
	}
	if err := unix.Mount("overlay", f.root(), "overlay", 0, opts); err != nil {
		return fmt.Errorf("mounting %s: %w", f.root(), err)
	}
	return nil
}

// hold takes the "running" lock; ErrRunning if it is held.
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

// sign writes the holder's process ID into the lock.
func sign(lock *os.File) error {
	if err := lock.Truncate(0); err != nil {
		return fmt.Errorf("locking %s: %w", lock.Name(), err)
	}
	if _, err := lock.WriteString(strconv.Itoa(os.Getpid())); err != nil {
		return fmt.Errorf("locking %s: %w", lock.Name(), err)
	}
	return nil
}

// running tells whether a supervisor holds the machine's lock.
func (f folder) running() bool {
	lock, err := hold(f.lock())
	if err == nil {
		lock.Close()
	}
	return errors.Is(err, ErrRunning)
}

// signal sends sig to the machine's init, the child of the nspawn process; fs.ErrNotExist
// if the machine is not running.
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

// booted tells whether the machine's init has begun: until then systemd-nspawn's child still
// runs systemd-nspawn's own program.
func (f folder) booted() bool {
	leader, err := os.ReadFile(f.leader())
	if err != nil {
		return false
	}
	init, err := f.init(0)
	if err != nil {
		return false
	}
	own, err := os.Readlink(fmt.Sprintf("/proc/%s/exe", leader))
	if err != nil {
		return false
	}
	its, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", init))
	return err == nil && its != own
}

// init returns the process ID of the machine's init, in the host's PID namespace. While the
// machine boots there is none yet, so init waits.
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

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

	"macaw/internal/lab/namespace"
)

// exitReboot is systemd-nspawn's exit code for a payload that has asked to be
// rebooted, when it runs with --keep-unit (systemd-nspawn(1), "Exit status").
const exitReboot = 133

// ErrRunning says that a machine has a supervisor already.
var ErrRunning = errors.New("machine is running")

// Supervise runs the machine in dir until it is powered off: it mounts the
// overlay, boots it, and boots it again after a reboot. It is the body of a
// process of its own, which outlives the lab's daemon; a lock held by it says
// that the machine is running.
func Supervise(ctx context.Context, dir string) error {
	f := folder(dir)
	lock, err := hold(f.lock())
	if err != nil {
		return err
	}
	defer lock.Close()
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
	console, err := os.OpenFile(f.console(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o640)
	if err != nil {
		return err
	}
	defer console.Close()
	if err := mountRoot(f, spec); err != nil {
		return err
	}
	defer unmount(f.root())
	defer os.Remove(f.leader())
	for {
		// A machine that was switched off has forgotten its interfaces, routes
		// and rules; its NICs stay plugged in, those that came since it was
		// switched on too.
		if spec, err = f.read(); err != nil {
			return err
		}
		var devices []string
		for _, n := range spec.NICs {
			devices = append(devices, n.Device)
		}
		if err := namespace.Renew(Namespace(spec.ID), devices); err != nil {
			return err
		}
		code, err := boot(ctx, f, spec, host, console)
		if err != nil || code != exitReboot {
			return err
		}
		fmt.Fprintln(console, "machine reboots")
	}
}

// boot runs systemd-nspawn once and returns its exit code.
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
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("booting machine %s: %w", spec.ID, err)
	}
	if err := os.WriteFile(f.leader(), []byte(strconv.Itoa(cmd.Process.Pid)), 0o600); err != nil {
		return 0, errors.Join(err, cmd.Process.Kill(), cmd.Wait())
	}
	err := cmd.Wait()
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

func mountRoot(f folder, spec Spec) error {
	opts, err := f.overlay(spec.Layers)
	if err != nil {
		return err
	}
	for _, d := range []string{f.upper(), f.work(), f.root()} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	// A supervisor that was killed has left its mount behind.
	unmount(f.root())
	if err := unix.Mount("overlay", f.root(), "overlay", 0, opts); err != nil {
		return fmt.Errorf("mounting %s: %w", f.root(), err)
	}
	return nil
}

// unmount takes a mount away; the last processes of a machine that was killed
// may hold it for a moment, so it is detached rather than waited for.
func unmount(path string) {
	for unix.Unmount(path, unix.MNT_DETACH) == nil {
	}
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
	pid, err := f.init()
	if err != nil {
		return err
	}
	return syscall.Kill(pid, sig)
}

// init finds the process ID of the machine's init, as the host sees it.
func (f folder) init() (int, error) {
	deadline := time.Now().Add(5 * time.Second)
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

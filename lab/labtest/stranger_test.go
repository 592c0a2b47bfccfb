// SPDX-License-Identifier: Apache-2.0

package labtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"macaw.example/lab"
	"macaw.example/lab/internal/control"
	"macaw.example/lab/internal/daemon"
	"macaw.example/lab/internal/stranger"
)

// TestStranger: an ordinary user of the host cannot access a machine, the lab's state or
// its API, and no file of a machine makes them root.
func TestStranger(t *testing.T) {
	l := Start(t)
	i := l.Launch(t, Machine{Name: "stranger"})
	i.Run(t, "install -m 4755 /usr/bin/id /var/tmp/id; setsid --fork runuser -u admin -- sleep infinity </dev/null "+
		">/dev/null 2>&1")

	folder := filepath.Join(lab.Dir, "machines", i.ID)
	shell := filepath.Join(folder, "upper/var/tmp/id")
	if st, err := os.Stat(shell); err != nil || st.Mode()&os.ModeSetuid == 0 {
		t.Fatalf("%s: %v, %v; want a setuid file", shell, st, err)
	}
	paths := []string{shell, control.Socket}
	for _, dir := range []string{folder, filepath.Join(folder, "root"), "/var/lib/macaw", filepath.Dir(control.Socket)} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
		paths = append(paths, dir+"/.")
	}
	for _, uid := range stranger.Users {
		for _, path := range paths {
			if err := stranger.Look(uid, path); err != nil {
				t.Error(err)
			}
		}
		cmd := exec.Command(shell)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
		if out, err := cmd.CombinedOutput(); !errors.Is(err, os.ErrPermission) {
			t.Errorf("user %d runs the machine's setuid program: %v: %s", uid, err, out)
		}
	}

	// No user of this host has the user ID of a process in the machine.
	init, err := daemon.MachineInit(i.ID)
	if err != nil {
		t.Fatal(err)
	}
	users := map[int]int{} // processes by user
	for _, pid := range processes(t, init) {
		uid, ok := owner(pid)
		if !ok {
			continue // it has ended
		}
		users[uid]++
		for _, who := range stranger.Users {
			if err := touch(who, pid); err != nil {
				t.Errorf("process %d of user %d: %v", pid, uid, err)
			}
		}
	}
	if len(users) < 3 {
		t.Errorf("users with processes: %v; want root, admin and a service", users)
	}
	for uid := range users {
		if uid >= 1000 && uid < 60000 {
			t.Errorf("the machine has processes of user %d, who may be one of this host", uid)
		}
	}
	for _, uid := range stranger.Users {
		err := stranger.Do(uid, func() error {
			fd, err := unix.Open("/run/netns/mcw-"+i.ID, unix.O_RDONLY|unix.O_CLOEXEC, 0)
			if err != nil {
				return err
			}
			defer unix.Close(fd)
			return unix.Setns(fd, unix.CLONE_NEWNET)
		})
		if !errors.Is(err, os.ErrPermission) {
			t.Errorf("user %d enters the machine's network namespace: %v", uid, err)
		}
	}

	unsigned(t, i.ID)
}

// processes returns the process IDs of a machine.
func processes(t *testing.T, init int) (pids []int) {
	t.Helper()
	of := func(pid int) string {
		link, _ := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", pid))
		return link
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil && of(pid) == of(init) {
			pids = append(pids, pid)
		}
	}
	return pids
}

func owner(pid int) (uid int, ok bool) {
	st, err := os.Stat(fmt.Sprintf("/proc/%d", pid))
	if err != nil {
		return 0, false
	}
	return int(st.Sys().(*syscall.Stat_t).Uid), true
}

// touch tries, as a user, the calls that enter, inspect or end a process.
func touch(uid, pid int) error {
	dir := fmt.Sprintf("/proc/%d/", pid)
	return stranger.Do(uid, func() error {
		var errs []error
		for how, try := range map[string]func() error{
			"enter its root":        func() error { _, err := os.ReadDir(dir + "root/"); return err },
			"read its environment":  func() error { _, err := os.ReadFile(dir + "environ"); return err },
			"read its open files":   func() error { _, err := os.ReadDir(dir + "fd"); return err },
			"send it a signal":      func() error { return unix.Kill(pid, 0) },
			"trace it":              func() error { return unix.PtraceSeize(pid) },
			"take one of its files": func() error { return take(pid) },
		} {
			if err := try(); !errors.Is(err, os.ErrPermission) && !errors.Is(err, os.ErrNotExist) &&
				!errors.Is(err, unix.ESRCH) {
				errs = append(errs, fmt.Errorf("user %d may %s: %w, want permission denied", uid, how, err))
			}
		}
		return errors.Join(errs...)
	})
}

// take duplicates a process's first file descriptor (pidfd_getfd(2)).
func take(pid int) error {
	process, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return err
	}
	defer unix.Close(process)
	fd, err := unix.PidfdGetfd(process, 0, 0)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

// unsigned calls the API without credentials, as any user of the host can.
func unsigned(t *testing.T, secret string) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ask := func(method, path string, form url.Values) {
		t.Helper()
		req, err := http.NewRequestWithContext(ctx, method, lab.Endpoint+path, strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		if form != nil {
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode < 400 || strings.Contains(string(body), secret) {
			t.Errorf("%s %s %v: %s: %s", method, path, form, resp.Status, body)
		}
	}
	for _, path := range []string{"/", "/latest/meta-data/", "/tasks", "/drops", "/ready", "/debug/pprof/"} {
		ask(http.MethodGet, path, nil)
	}
	for _, action := range []string{"DescribeInstances", "TerminateInstances", "GetCallerIdentity", "ListUsers",
		"Nothing"} {
		ask(http.MethodPost, "/", url.Values{"Action": {action}, "Version": {"2016-11-15"}, "InstanceId.1": {secret}})
		ask(http.MethodGet, "/?Action="+action+"&Version=2016-11-15", nil)
	}
}

// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// ownCgroup moves this process, and so the machine that it boots, into its own cgroup.
// systemd-nspawn puts a machine without a scope into a cgroup with a fixed name below its
// own: two machines would share it, and see each other's processes. It returns a function
// that removes the cgroups.
func ownCgroup(name string) (remove func(), err error) {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	var made []string
	remove = func() {
		for _, dir := range made {
			// This process moves back first: a cgroup in use cannot be removed.
			_ = os.WriteFile(filepath.Join(filepath.Dir(dir), "cgroup.procs"), []byte(strconv.Itoa(os.Getpid())), 0o644)
			removeTree(dir)
		}
	}
	for _, hierarchy := range hierarchies(mounts) {
		dir := filepath.Join(hierarchy, name)
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
			return remove, fmt.Errorf("making a cgroup for machine %s: %w", name, err)
		}
		made = append(made, dir)
		if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(os.Getpid())), 0o644); err != nil {
			return remove, fmt.Errorf("moving machine %s into its cgroup: %w", name, err)
		}
	}
	return remove, nil
}

// dyingGrace is how long the last processes of an ended machine may keep its cgroups.
const dyingGrace = 2 * time.Second

// removeCgroups kills the processes left in a machine's cgroups after its supervisor has
// ended or was killed, and removes the cgroups. One with a process stuck in the kernel
// stays.
func removeCgroups(name string) error {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	for _, hierarchy := range hierarchies(mounts) {
		dir := filepath.Join(hierarchy, name)
		// cgroup v2 has this file (cgroups(7)).
		_ = os.WriteFile(filepath.Join(dir, "cgroup.kill"), []byte("1"), 0)
		for end := time.Now().Add(dyingGrace); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			removeTree(dir)
			if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
				break
			}
		}
	}
	return nil
}

// hierarchies returns the cgroup hierarchies in which systemd tracks processes: the unified
// one, and systemd's named one on a host with both versions. mountinfo is the content of a
// mountinfo file (proc_pid_mountinfo(5)).
func hierarchies(mountinfo []byte) []string {
	var found []string
	for line := range bytes.Lines(mountinfo) {
		before, after, ok := strings.Cut(string(line), " - ")
		fields, fs := strings.Fields(before), strings.Fields(after)
		if !ok || len(fields) < 5 || len(fs) < 3 {
			continue
		}
		named := fs[0] == "cgroup" && strings.Contains(","+fs[2]+",", ",name=systemd,")
		if fs[0] == "cgroup2" || named {
			found = append(found, fields[4])
		}
	}
	return found
}

// removeTree removes a cgroup and its descendants, as far as they are empty.
func removeTree(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if e.IsDir() {
			removeTree(filepath.Join(dir, e.Name()))
		}
	}
	// One that a dying process still holds stays, and is reused.
	_ = os.Remove(dir)
}

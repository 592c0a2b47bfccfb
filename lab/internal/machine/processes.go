// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// keepers returns the processes that keep a machine running: its supervisor and
// systemd-nspawn, if their PIDs are recorded.
func (f folder) keepers() (pids []int) {
	for _, file := range []string{f.lock(), f.leader()} {
		b, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		if pid, err := strconv.Atoi(strings.TrimSpace(string(b))); err == nil && pid > 1 {
			pids = append(pids, pid)
		}
	}
	return pids
}

// survivors describes each process that keeps a machine running.
func (f folder) survivors() string {
	var all []string
	pids := f.keepers()
	if pid, err := f.init(0); err == nil {
		pids = append(pids, pid)
	}
	for _, pid := range pids {
		if s := describe(pid); s != "" {
			all = append(all, s)
		}
	}
	if len(all) == 0 {
		return "somebody holds " + f.lock()
	}
	return strings.Join(all, ", ")
}

// describe describes a process's state (proc_pid_status(5), proc_pid_wchan(5)); empty if
// there is no such process.
func describe(pid int) string {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return ""
	}
	fields := map[string]string{}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		fields[name] = strings.TrimSpace(value)
	}
	text := fmt.Sprintf("process %d (%s) is in state %s", pid, fields["Name"], fields["State"])
	if at, err := os.ReadFile(fmt.Sprintf("/proc/%d/wchan", pid)); err == nil && len(at) > 1 {
		text += ", waiting in " + string(at)
	}
	return text
}

// SPDX-License-Identifier: Apache-2.0

package node

import (
	"os/exec"
	"slices"
	"testing"
	"time"
)

// The lines are apt's, of apt-get install.
func TestDescribeStatus(t *testing.T) {
	for line, want := range map[string]string{
		"dlstatus:1:0.0000:Retrieving file 1 of 412":                   "0% downloaded: retrieving file 1 of 412",
		"pmstatus:dpkg-exec:40.0000:Running dpkg":                      "40% installed: running dpkg",
		"pmstatus:python3-nova:43.5000:Unpacking python3-nova (amd64)": "44% installed: unpacking python3-nova (amd64)",
		"pmstatus:libc6:amd64:12.3000:Configuring libc6:amd64":         "12% installed: configuring libc6:amd64",
		"pmconffile:/etc/x:12.3:'/etc/x' '/etc/x.new' 1 1":             "",
		"media-change:disc:cd":                                         "",
		"pmstatus:x":                                                   "",
		"":                                                             "",
	} {
		if got := describeStatus(line); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}

// The last line of a command is reported while it runs, and the same one only once.
func TestFollowStatus(t *testing.T) {
	cmd := exec.Command("sh", "-c", "echo a >&4; echo b >&4; sleep 0.3; printf 'c\nhalf' >&4; sleep 0.3")
	cmd.ExtraFiles = append(cmd.ExtraFiles, nil)
	var lines []string
	stop, err := followStatus(cmd, func(line string) { lines = append(lines, line) }, 50*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	stop()
	if !slices.Equal(lines, []string{"b", "c"}) {
		t.Errorf("reported %q", lines)
	}
}

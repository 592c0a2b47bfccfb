// SPDX-License-Identifier: Apache-2.0

package execute

import (
	"os/exec"
	"slices"
	"testing"
	"time"
)

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

// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// ssh(1) takes a known_hosts file below any directory.
func TestLoginBelowOddDirectories(t *testing.T) {
	ssh, err := exec.LookPath("ssh")
	if err != nil {
		t.Skip(err)
	}
	for _, dir := range []string{"plain", "a blank", "100%h", `a "quote"`, "it's"} {
		l := Login{User: "admin", Key: "/tmp/key", KnownHosts: filepath.Join("/tmp", dir, "known_hosts")}
		l.Node.InstanceID, l.Node.ManagementPublic = "i-1", "192.0.2.1"
		out, err := exec.CommandContext(t.Context(), ssh,
			append(append([]string{"-F", "none", "-G"}, l.Options()...), l.Destination())...).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", dir, err, out)
			continue
		}
		_, rest, _ := strings.Cut(string(out), "\nuserknownhostsfile ")
		got, _, _ := strings.Cut(rest, "\n")
		if got != l.KnownHosts && strings.Trim(got, `"`) != l.KnownHosts {
			t.Errorf("%s: ssh reads %s, want %s", dir, got, l.KnownHosts)
		}
	}
}

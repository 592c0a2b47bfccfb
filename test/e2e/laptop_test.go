// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// testLaptop does what works without an ssh program, and without knowing one's own address.
func testLaptop(t *testing.T, file string) {
	ssh := exec.CommandContext(t.Context(), macaw, "ssh", file, "--", "hostname")
	ssh.Env = append(os.Environ(), "PATH=/nonexistent")
	if out, err := ssh.CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != "cloud-1" {
		t.Errorf("macaw ssh without an ssh program: %v\n%s", err, out)
	}

	auto := cloudFile(t, "e2e-auto", "management: {allow: auto}\n")
	plan := must(t, macaw, "plan", auto)
	if want := "22,80,443 from 198.51.100.1/32"; !strings.Contains(plan, want) {
		t.Errorf("management.allow: auto plans this, which lacks %q:\n%s", want, plan)
	}

	e := envOf(t, file)
	got := strings.TrimSpace(onNode(t, file,
		"python3 -c 'import urllib.request as r; print(r.urlopen(\"http://checkip.amazonaws.com/\").read().decode())'"))
	if want := strings.TrimSuffix(strings.TrimPrefix(e.Dashboard, "https://"), "/"); got != want {
		t.Errorf("the node's public address is %s, and checkip.amazonaws.com says %s", want, got)
	}
}

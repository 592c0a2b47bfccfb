// SPDX-License-Identifier: Apache-2.0

package image

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestUserIDsHook(t *testing.T) {
	root := t.TempDir()
	etc := filepath.Join(root, "etc")
	if err := os.Mkdir(etc, 0o755); err != nil {
		t.Fatal(err)
	}
	defs := "# UID_MIN\nUID_MIN\t\t\t 1000\nUID_MAX 60000\n#SYS_UID_MIN 101\nGID_MIN 1000\nGID_MAX 60000\nSUB_UID_MIN " +
		"100000\n"
	for name, text := range map[string]string{"login.defs": defs, "adduser.conf": "#FIRST_UID=1000\n"} {
		if err := os.WriteFile(filepath.Join(etc, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// mmdebstrap runs the hook this way.
	if out, err := exec.Command("sh", "-c", userIDsHook(), "sh", root).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for name, want := range map[string]string{
		"login.defs": "# UID_MIN\nUID_MIN 99000\nUID_MAX 99999\n#SYS_UID_MIN 101\nGID_MIN 99000\nGID_MAX " +
			"99999\nSUB_UID_MIN 100000\n",
		"adduser.conf": "#FIRST_UID=1000\n" +
			"FIRST_UID=99000\nLAST_UID=99999\nFIRST_GID=99000\nLAST_GID=99999\n",
	} {
		if got, err := os.ReadFile(filepath.Join(etc, name)); err != nil || string(got) != want {
			t.Errorf("%s: %v\n%s\nwant\n%s", name, err, got, want)
		}
	}
	if err := os.WriteFile(filepath.Join(etc, "login.defs"), []byte("UID_MIN 1000\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := exec.Command("sh", "-c", userIDsHook(), "sh", root).Run(); err == nil {
		t.Error("a login.defs without all of the settings was taken")
	}
}

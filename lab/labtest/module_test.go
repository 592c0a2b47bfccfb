// SPDX-License-Identifier: Apache-2.0

package labtest_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// userTest is a test in a user's own module.
const userTest = `package user

import (
	"os/exec"
	"testing"

	"macaw.example/lab/labtest"
)

func TestPing(t *testing.T) {
	lab := labtest.Start(t)
	m := lab.Launch(t, labtest.Machine{Name: "of-another-module"})
	if out, err := exec.Command("ping", "-c", "3", "-W", "2", m.Public.String()).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Log("pinged")
}
`

// userModule makes a module outside of the tree, with the steps of lab/README.md.
func userModule(t *testing.T) (dir string) {
	t.Helper()
	repository, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	goIn(t, dir, "mod", "init", "example.com/user")
	if err := os.WriteFile(filepath.Join(dir, "user_test.go"), []byte(userTest), 0o600); err != nil {
		t.Fatal(err)
	}
	goIn(t, dir, "mod", "edit", "-require=macaw.example@v0.0.0", "-replace=macaw.example="+repository)
	goIn(t, dir, "mod", "tidy")
	return dir
}

// goIn runs the go command in a directory, with no flags of this test's.
func goIn(t *testing.T, dir string, args ...string) (out string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	b, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, b)
	}
	return string(b)
}

// After "go mod tidy", a module that uses this package can build the program that Start builds,
// also from its vendor directory.
func TestAnotherModuleBuildsTheProgram(t *testing.T) {
	dir := userModule(t)
	const program = "macaw.example/lab/cmd/macaw-lab"
	goIn(t, dir, "list", "-deps", program) // finds all that a build needs, or fails
	goIn(t, dir, "mod", "vendor")
	goIn(t, dir, "list", "-deps", program)
}

// TestAnotherModule starts a machine in the test of another module, and pings it.
func TestAnotherModule(t *testing.T) {
	if os.Geteuid() != 0 || testing.Short() {
		t.Skip("the lab needs root, and boots machines")
	}
	if out := goIn(t, userModule(t), "test", "-count=1", "-v", "."); !strings.Contains(out, "pinged") {
		t.Fatal(out)
	}
}

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

// TestAnotherModule uses this package from a module outside of the tree, starts a machine
// and pings it.
func TestAnotherModule(t *testing.T) {
	if os.Geteuid() != 0 || testing.Short() {
		t.Skip("the lab needs root, and boots machines")
	}
	repository, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	ours, err := os.ReadFile(filepath.Join(repository, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	sums, err := os.ReadFile(filepath.Join(repository, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	// "go mod tidy" would write the same; this needs no network.
	_, rest, _ := strings.Cut(string(ours), "\n")
	for name, text := range map[string]string{
		"go.mod": "module example.com/user\n" + rest +
			"\nrequire macaw.example v0.0.0\n\nreplace macaw.example => " + repository + "\n",
		"go.sum":       string(sums),
		"user_test.go": userTest,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "go", "test", "-mod=mod", "-count=1", "-v", ".")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "pinged") {
		t.Fatalf("%v\n%s", err, out)
	}
}

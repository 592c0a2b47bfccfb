// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"macaw.example/lab/internal/machine"
	"macaw.example/lab/internal/vpc"
)

// TestAdoptLeavesWhatIsBeingEnded: a daemon killed while it removed a machine leaves one
// without its namespace; the next daemon completes the removal.
func TestAdoptLeavesWhatIsBeingEnded(t *testing.T) {
	dir := t.TempDir()
	folder := filepath.Join(dir, "i-1")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	spec := `{"ID":"i-1","NICs":[{"ENI":"eni-1","Device":"eth0","MAC":[2,0,0,0,0,1]}]}`
	if err := os.WriteFile(filepath.Join(folder, "machine.json"), []byte(spec), 0o600); err != nil {
		t.Fatal(err)
	}
	lock, err := os.Create(filepath.Join(folder, "running.lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	m := &machines{
		manager: &machine.Manager{Dir: dir}, wires: vpc.NewSwitch(vpc.New(vpc.Config{}), nil),
		poweredOff: func(id string) { t.Errorf("%s was called off", id) }, ctx: t.Context(),
	}
	if err := m.adopt(func(id string) bool { return id == "i-1" }); err != nil {
		t.Error(err)
	}
	if err := m.adopt(func(string) bool { return false }); err == nil {
		t.Error("a machine without its namespace was adopted")
	}
}

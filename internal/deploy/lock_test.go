// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"macaw.example/internal/cloud"
	"macaw.example/internal/terminal"
)

func lockCloud(t *testing.T, name string) *cloud.Cloud {
	t.Helper()
	c, err := cloud.Parse("x.yaml", []byte("name: "+name+"\ntarget: lab\n"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestLockHere(t *testing.T) {
	h := newHome(t)
	first, machine, err := h.lock(lockCloud(t, "x"), "up x.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = h.lock(lockCloud(t, "x"), "down x.yaml")
	var text strings.Builder
	terminal.Report(&text, err)
	want := fmt.Sprintf(
		"error: cloud x is being changed by another run on this machine: macaw up x.yaml, process %d, since ",
		os.Getpid(),
	)
	if err == nil || !strings.HasPrefix(text.String(), want) ||
		!strings.Contains(text.String(), fmt.Sprintf("hint: wait until it ends, or end it with kill %d", os.Getpid())) {
		t.Errorf("a second: %s", &text)
	}
	other, same, err := h.lock(lockCloud(t, "y"), "up y.yaml")
	if err != nil || same != machine || machine == "" {
		t.Errorf("another cloud: %v, machine %q and %q", err, same, machine)
	}
	other.Close()
	first.Close()
	again, _, err := h.lock(lockCloud(t, "x"), "up x.yaml")
	if err != nil {
		t.Fatalf("when it is free: %v", err)
	}
	again.Close()
	files, err := os.ReadDir(filepath.Join(h.Dir, ".locks"))
	if err != nil || len(files) != 1 || files[0].Name() != "machine-id" {
		t.Errorf("left behind: %v, %v", files, err)
	}
}

// Runs that take and remove the lock at the same time never have it both.
func TestLockHereAtTheSameTime(t *testing.T) {
	h, c := newHome(t), lockCloud(t, "x")
	var holders atomic.Int32
	var runs sync.WaitGroup
	for range 8 {
		runs.Go(func() {
			for range 200 {
				lock, _, err := h.lock(c, "up x.yaml")
				if err != nil {
					continue
				}
				if n := holders.Add(1); n != 1 {
					t.Errorf("%d have the lock", n)
				}
				holders.Add(-1)
				lock.Close()
			}
		})
	}
	runs.Wait()
}

// A killed process leaves no lock.
func TestLockHereOfTheKilled(t *testing.T) {
	const name = "MACAW_TEST_LOCK"
	if dir := os.Getenv(name); dir != "" {
		if _, _, err := (Home{Dir: dir}).lock(lockCloud(t, "x"), "up x.yaml"); err != nil {
			t.Fatal(err)
		}
		fmt.Println("locked")
		select {}
	}
	h := newHome(t)
	cmd := exec.Command(os.Args[0], "-test.run=^TestLockHereOfTheKilled$")
	cmd.Env = append(os.Environ(), name+"="+h.Dir, "TMPDIR="+t.TempDir()) // it cannot clean up
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 100)
	if n, err := out.Read(buf); err != nil || !strings.Contains(string(buf[:n]), "locked") {
		t.Fatalf("%q, %v", buf[:n], err)
	}
	_, _, err = h.lock(lockCloud(t, "x"), "up x.yaml")
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("process %d", cmd.Process.Pid)) {
		t.Errorf("beside it: %v", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	f, _, err := h.lock(lockCloud(t, "x"), "up x.yaml")
	if err != nil {
		t.Fatalf("after its death: %v", err)
	}
	f.Close()
}

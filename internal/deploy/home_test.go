// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"macaw.example/internal/hint"
	"macaw.example/internal/host"
)

// files returns the contents below a directory.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		all[path] = string(b)
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return all
}

// A cloud of the same name in another region gets neither the keys nor the entry of the first, and
// removes none of them.
func TestNamesakeInAnotherRegion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		mustUp(t, w)
		before := files(t, w.home.of("first"))
		d, _ := w.process(strings.Replace(file, "eu-central-1", "eu-west-1", 1))
		_, upErr := d.Up(t.Context(), UpOptions{})
		_, downErr := d.Down(t.Context())
		_, planErr := d.Plan(t.Context())
		_, statusErr := d.Status(t.Context())
		for _, err := range []error{upErr, downErr, planErr, statusErr} {
			if err == nil || !strings.Contains(err.Error(), "are those of cloud first in eu-central-1, and not in eu-west-1") ||
				!strings.Contains(strings.Join(hint.All(err), ""), "give this cloud another name") ||
				!strings.Contains(strings.Join(hint.All(err), ""), "if that cloud is gone, remove "+w.home.of("first")) {
				t.Errorf("%v, %q", err, hint.All(err))
			}
		}
		if diff := cmp.Diff(before, files(t, w.home.of("first"))); diff != "" {
			t.Errorf("the first one's files: %s", diff)
		}
		mustUp(t, w)
		w.down(t)
		if left := files(t, w.home.of("first")); len(left) != 0 {
			t.Errorf("left behind: %v", left)
		}
	})
}

// A directory of an older version goes on to serve its cloud. If it has host keys of instances that are
// not the cloud's, down leaves it: they may be a namesake's.
func TestKeysOfAnOlderVersion(t *testing.T) {
	for _, namesake := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			node := mustUp(t, w).Nodes[0].InstanceID
			if err := os.Remove(w.home.targetFile("first")); err != nil {
				t.Fatal(err)
			}
			key, err := host.LoadKey(w.home.key("first"))
			if err != nil {
				t.Fatal(err)
			}
			known := host.HostKeys{Path: w.home.knownHosts("first")}
			names := []string{node}
			if namesake {
				names = append(names, "i-0123456789abcdef0")
			}
			for _, name := range names {
				if err := known.Check(name, key.PublicKey()); err != nil {
					t.Fatal(err)
				}
			}
			d, progress := w.process(file)
			if _, err := d.Down(t.Context()); err != nil {
				t.Fatal(err)
			}
			_, err = os.Stat(w.home.key("first"))
			told := strings.Contains(strings.Join(progress.notes, "\n"), "i-0123456789abcdef0")
			if namesake != (err == nil) || namesake != told {
				t.Errorf("namesake %t: %v, notes %q", namesake, err, progress.notes)
			}
		})
	}
}

// On a computer without the cloud's key, commands that only look make none: it would be a wrong one, at the
// very path where the right one belongs.
func TestNoKeyOnThisComputer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		mustUp(t, w)
		if err := os.RemoveAll(w.home.of("first")); err != nil {
			t.Fatal(err)
		}
		d, _ := w.process(file)
		st, err := d.Status(t.Context())
		_, verifyErr := d.Verify(t.Context(), false)
		if verifyErr == nil || !strings.Contains(verifyErr.Error(), "this computer has no key of cloud first") {
			t.Errorf("verify: %v", verifyErr)
		}
		if err != nil || !strings.Contains(fmt.Sprint(st), "this computer has no key of cloud first") {
			t.Errorf("status: %+v, %v", st, err)
		}
		if left := files(t, w.home.of("first")); len(left) != 0 {
			t.Errorf("made: %v", left)
		}
	})
}

// A home directory that cannot be written stops up before anything is made.
func TestUnwritableHome(t *testing.T) {
	w := newWorld(t)
	if err := os.MkdirAll(filepath.Dir(w.home.Dir), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(w.home.Dir, nil, 0o600); err != nil { // root may write to directories without the right
		t.Fatal(err)
	}
	d, _, p := w.killable(file)
	_, err := d.Up(t.Context(), UpOptions{})
	hints := strings.Join(hint.All(err), "")
	if err == nil || !strings.Contains(err.Error(), "locking cloud first on this machine: ") || p.calls != 0 ||
		!strings.Contains(hints, "it must be writable, or XDG_DATA_HOME name another directory; nothing was changed") {
		t.Errorf("%v, %q, %d calls", err, hints, p.calls)
	}
	// Commands that only look need no file.
	if err := os.Remove(w.home.Dir); err != nil {
		t.Fatal(err)
	}
	d, _ = w.process(file)
	if _, err := d.Plan(t.Context()); err != nil {
		t.Error(err)
	}
	if left := files(t, w.home.Dir); len(left) != 0 {
		t.Errorf("plan has written %v", left)
	}
}

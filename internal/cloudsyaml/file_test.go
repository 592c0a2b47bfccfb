// SPDX-License-Identifier: Apache-2.0

package cloudsyaml

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const theirs = "# mine\nclouds:\n  work: {verify: no}\n"

// put writes a file and fails the test if it can't.
func put(t *testing.T, path, text string, mode fs.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func wantText(t *testing.T, path, want string) {
	t.Helper()
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("%s has %q, %v; want %q", filepath.Base(path), got, err, want)
	}
}

func wantNames(t *testing.T, dir string, want ...string) {
	t.Helper()
	var got []string
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		got = append(got, e.Name())
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("files %v, want %v", got, want)
	}
}

func TestAFileOfTheirs(t *testing.T) {
	for _, mode := range []fs.FileMode{0o600, 0o644, 0o640} {
		path := filepath.Join(t.TempDir(), "clouds.yaml")
		put(t, path, theirs, mode)
		f := File{path}
		for i, want := range []bool{true, false} {
			if changed, err := f.Set("lab", []byte(entry)); changed != want || err != nil {
				t.Fatalf("Set %d: changed %v, %v; want %v", i+1, changed, err, want)
			}
		}
		wantText(t, path, strings.Replace(theirs, "clouds:\n", "clouds:\n"+block, 1))
		if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
			t.Errorf("mode %v, %v; want 0600, since it has a password", info.Mode(), err)
		}
		wantText(t, path+backupSuffix, theirs)
		if info, err := os.Stat(path + backupSuffix); err != nil || info.Mode() != 0o600 {
			t.Errorf("the backup's mode %v, %v; want 0600", info.Mode(), err)
		}
		if changed, err := f.Remove("lab"); !changed || err != nil {
			t.Fatalf("Remove: changed %v, %v", changed, err)
		}
		wantText(t, path, theirs)
		wantNames(t, filepath.Dir(path), "clouds.yaml")
	}
}

// A file that others may read is taken from them also if it has the entry already.
func TestAFileThatOthersMayRead(t *testing.T) {
	f := File{filepath.Join(t.TempDir(), "clouds.yaml")}
	if f.Shared() {
		t.Error("a missing file is shared")
	}
	for range 2 {
		if _, err := f.Set("lab", []byte(entry)); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(f.Path); err != nil || info.Mode() != 0o600 || f.Shared() {
			t.Errorf("mode %v, %v", info.Mode(), err)
		}
		if err := os.Chmod(f.Path, 0o644); err != nil || !f.Shared() {
			t.Errorf("0644 is not shared: %v", err)
		}
	}
}

// Changes by the owner meanwhile stay, and so does the backup.
func TestAFileThatItsOwnerChanges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "clouds.yaml")
	put(t, path, theirs, 0o600)
	f := File{path}
	if _, err := f.Set("lab", []byte(entry)); err != nil {
		t.Fatal(err)
	}
	with, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	put(t, path, string(with)+"  new: {}\n", 0o600)
	if _, err := f.Remove("lab"); err != nil {
		t.Fatal(err)
	}
	wantText(t, path, theirs+"  new: {}\n")
	wantText(t, path+backupSuffix, theirs)
}

func TestAFileThatWasMade(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "clouds.yaml")
	f := File{path}
	if changed, err := f.Remove("lab"); changed || err != nil {
		t.Fatalf("Remove where there is nothing: %v, %v", changed, err)
	}
	for _, name := range []string{"lab", "other"} {
		if _, err := f.Set(name, []byte(entry)); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
	}
	for _, name := range []string{"lab", "other"} {
		if _, err := f.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	wantNames(t, filepath.Dir(path))
}

func TestAnEmptyFileStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "clouds.yaml")
	put(t, path, "", 0o600)
	if _, err := (File{path}).Set("lab", []byte(entry)); err != nil {
		t.Fatal(err)
	}
	if _, err := (File{path}).Remove("lab"); err != nil {
		t.Fatal(err)
	}
	wantText(t, path, "")
	wantNames(t, filepath.Dir(path), "clouds.yaml")
}

func TestASymbolicLinkStays(t *testing.T) {
	dir := t.TempDir()
	link, target := filepath.Join(dir, "clouds.yaml"), filepath.Join(dir, "dotfiles", "clouds")
	if err := os.Mkdir(filepath.Dir(target), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("dotfiles/clouds", link); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", theirs} { // the first time its target is missing
		if text != "" {
			put(t, target, text, 0o600)
		}
		if _, err := (File{link}).Set("lab", []byte(entry)); err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(target); err != nil || !strings.Contains(string(b), block) {
			t.Errorf("the link's target has %q, %v", b, err)
		}
		if to, err := os.Readlink(link); to != "dotfiles/clouds" || err != nil {
			t.Errorf("the link leads to %q, %v", to, err)
		}
		if _, err := (File{link}).Remove("lab"); err != nil {
			t.Fatal(err)
		}
	}
	wantText(t, target, theirs)
}

// Several clouds are added at the same time.
func TestTwoAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "clouds.yaml")
	put(t, path, theirs, 0o600)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 5 {
				name := fmt.Sprintf("lab-%d", i)
				if changed, err := (File{path}).Set(name, []byte(entry)); !changed || err != nil {
					t.Errorf("Set %s: %v, %v", name, changed, err)
				}
				if changed, err := (File{path}).Remove(name); !changed || err != nil {
					t.Errorf("Remove %s: %v, %v", name, changed, err)
				}
			}
		})
	}
	all.Wait()
	wantText(t, path, theirs)
}

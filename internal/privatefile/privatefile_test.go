// SPDX-License-Identifier: Apache-2.0

package privatefile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

func TestCreateAndReplace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b", "key")
	want := func(content string) {
		t.Helper()
		b, err := os.ReadFile(path)
		if err != nil || string(b) != content {
			t.Errorf("%q, %v; want %q", b, err, content)
		}
		info, err := os.Stat(path)
		if err != nil || Shared(info) {
			t.Errorf("%v, %v", info.Mode(), err)
		}
		files, err := os.ReadDir(filepath.Dir(path))
		files = slices.DeleteFunc(files, func(f fs.DirEntry) bool { return f.Name() == lockFile })
		if err != nil || len(files) != 1 {
			t.Errorf("left behind: %v, %v", files, err)
		}
	}
	if err := Create(path, []byte("one")); err != nil {
		t.Fatal(err)
	}
	want("one")
	for _, create := range []func(string, []byte) error{Create, createWithoutLinks} {
		if err := create(path, []byte("two")); !errors.Is(err, fs.ErrExist) {
			t.Error(err)
		}
		want("one")
	}
	if err := Replace(path, []byte("three")); err != nil {
		t.Fatal(err)
	}
	want("three")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := createWithoutLinks(path, []byte("four")); err != nil {
		t.Fatal(err)
	}
	want("four")
}

// createWithoutLinks is Create on a file system that has none.
func createWithoutLinks(path string, content []byte) error {
	return write(path, content, func(temporary string) error { return placeUnlinked(temporary, path) })
}

// Of several at once, one makes the file.
func TestCreateAtOnce(t *testing.T) {
	for _, create := range []func(string, []byte) error{Create, createWithoutLinks} {
		path := filepath.Join(t.TempDir(), "key")
		made := make(chan string, 8)
		var all sync.WaitGroup
		for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
			all.Go(func() {
				if create(path, []byte(name)) == nil {
					made <- name
				}
			})
		}
		all.Wait()
		b, err := os.ReadFile(path)
		if err != nil || len(made) != 1 || <-made != string(b) {
			t.Errorf("%d made it; %q, %v", len(made), b, err)
		}
	}
}

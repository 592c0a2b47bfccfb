// SPDX-License-Identifier: Apache-2.0

package image

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestKey(t *testing.T) {
	r := Recipe{Suite: "trixie", Archive: []string{"a", "b"}, Extra: []string{"c"}}
	key := r.Key()
	if len(key) != 17 {
		t.Errorf("key %q has %d digits, want 17", key, len(key))
	}
	if other := (Recipe{Suite: "trixie", Archive: []string{"b", "a"}, Extra: []string{"c"}}).Key(); other != key {
		t.Error("the order of packages changes the key")
	}
	for name, other := range map[string]Recipe{
		"suite":   {Suite: "sid", Archive: []string{"a", "b"}, Extra: []string{"c"}},
		"archive": {Suite: "trixie", Archive: []string{"a"}, Extra: []string{"c"}},
		"apart":   {Suite: "trixie", Archive: []string{"a", "b", "c"}},
	} {
		if other.Key() == key {
			t.Errorf("another %s has the same key", name)
		}
	}
}

func TestPickMirror(t *testing.T) {
	tests := map[string]struct{ targets, want string }{
		"none":         {"", "fallback"},
		"main archive": {"Debian stable http://mirror/debian/\n", "http://mirror/debian"},
		"security first": {"Debian stable-security http://mirror/security/\nDebian stable http://mirror/debian\n",
			"http://mirror/debian"},
		"others' first": {"Docker bookworm https://docker/\nDebian stable http://mirror/debian/\n", "http://mirror/debian"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := pickMirror(tt.targets, "fallback"); got != tt.want {
				t.Errorf("pickMirror = %q, want %q", got, tt.want)
			}
		})
	}
}

// put makes an image without building it.
func put(t *testing.T, s Store, img Image) Image {
	t.Helper()
	if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	err := s.create(img, func(dir string) error { return os.MkdirAll(filepath.Join(dir, "rootfs/etc"), 0o755) })
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Get(img.ID)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestSnapshot(t *testing.T) {
	s := Store{Dir: filepath.Join(t.TempDir(), "images")}
	stock := put(t, s, Image{ID: "ami-1"})
	upper := filepath.Join(t.TempDir(), "upper")
	files := map[string]string{
		"etc/machine-id": "1234\n", "etc/ssh/ssh_host_ed25519_key": "secret", "etc/hostname": "bake",
		"home/admin/.ssh/authorized_keys": "ssh-ed25519 AAAA", "var/lib/cloud/instance": "i-1",
		"var/log/cloud-init.log": "log", "var/lib/systemd/random-seed": "random",
	}
	for name, text := range files {
		path := filepath.Join(upper, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	img, err := s.Snapshot(t.Context(), "ami-2", upper, stock)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{filepath.Join(s.Dir, "ami-2/rootfs"), filepath.Join(s.Dir, "ami-1/rootfs")}
	if diff := cmp.Diff(want, img.Layers); diff != "" {
		t.Errorf("layers (-want +got)\n%s", diff)
	}
	root := img.Layers[0]
	// AWS copies the disk unchanged: removing secrets is up to the image's author.
	for name, text := range files {
		if b, err := os.ReadFile(filepath.Join(root, name)); err != nil || string(b) != text {
			t.Errorf("the image's %s is %q, %v; want the machine's", name, b, err)
		}
	}
	if of, err := s.Of(img.Layers); err != nil || of.ID != "ami-2" {
		t.Errorf("Of(layers) = %q, %v", of.ID, err)
	}
	if err := s.Remove("ami-2"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get("ami-2"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Get of a removed image: %v", err)
	}
}

func TestRemoveTakesNamesOnly(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	for _, id := range []string{"", "..", "a/b", "../x"} {
		if err := s.Remove(id); err == nil {
			t.Errorf("Remove(%q) succeeded", id)
		}
	}
}

func TestInterruptedBuildLeavesNoImage(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	broken := errors.New("broken")
	if err := s.create(Image{ID: "ami-1"}, func(string) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("create: %v", err)
	}
	left, err := os.ReadDir(s.Dir)
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

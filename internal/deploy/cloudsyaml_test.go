// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"go.yaml.in/yaml/v3"
)

func entryOf(t *testing.T, url string) *yaml.Node {
	t.Helper()
	entry, err := cloudEntry([]byte("clouds: {x: {auth: {auth_url: "+url+", username: admin}, region_name: RegionOne}}"),
		"x")
	if err != nil {
		t.Fatal(err)
	}
	return entry
}

// newHome makes paths for clouds.yaml and for macaw's files.
func newHome(t *testing.T) Home {
	t.Helper()
	dir := t.TempDir()
	return Home{Dir: filepath.Join(dir, "data", "macaw"), Cache: filepath.Join(dir, "cache", "macaw"),
		CloudsYAML: filepath.Join(dir, "config", "openstack", "clouds.yaml")}
}

func TestPutCloud(t *testing.T) {
	h := newHome(t)
	clouds := h.CloudsYAML
	path, refused, err := h.putCloud("demo", entryOf(t, "http://a/v3"))
	if path != clouds || refused != nil || err != nil {
		t.Fatalf("put into %s, %v, %v; want %s", path, refused, err, clouds)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	entry, err := cloudEntry(b, "demo")
	if err != nil {
		t.Fatal(err)
	}
	if auth, err := authOf(entry); err != nil || auth.URL != "http://a/v3" || auth.User != "admin" {
		t.Errorf("read back: %+v, %v", auth, err)
	}
	if err := h.dropCloud("demo"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the file that was made for it: %v", err)
	}
}

// A file that cannot be changed stays as it is, and the cloud is usable nevertheless.
func TestPutCloudBesideAFileThatCannotBeChanged(t *testing.T) {
	h := newHome(t)
	clouds := h.CloudsYAML
	const theirs = "clouds:\n  work: {}\n---\nanother: document\n"
	if err := os.MkdirAll(filepath.Dir(clouds), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(clouds, []byte(theirs), 0o600); err != nil {
		t.Fatal(err)
	}
	path, refused, err := h.putCloud("demo", entryOf(t, "http://a/v3"))
	if err != nil || refused == nil || !strings.Contains(refused.Error(), clouds+": line 3: there is a second document") {
		t.Fatalf("refused because %v, %v", refused, err)
	}
	if b, err := os.ReadFile(clouds); string(b) != theirs || err != nil {
		t.Errorf("their file is now %q, %v", b, err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cloudEntry(b, "demo"); err != nil {
		t.Errorf("%s: %v", path, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("%s: %v, %v; want mode 0600", path, info.Mode(), err)
	}
	// Their file never had the entry, so that it cannot be read is no obstacle.
	if err := h.dropCloud("demo"); err != nil {
		t.Errorf("removing the entry: %v", err)
	}
}

// The operator is told when the mode of their file changes, and only then.
func TestSharedCloudsYAML(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		if err := os.MkdirAll(filepath.Dir(w.home.CloudsYAML), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(w.home.CloudsYAML, []byte("clouds:\n  work: {}\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		for n := range 2 {
			d, progress := w.process(file)
			if _, err := d.Up(t.Context(), UpOptions{}); err != nil {
				t.Fatal(err)
			}
			told := slices.ContainsFunc(progress.notes, func(note string) bool { return strings.Contains(note, "0600") })
			if told != (n == 0) {
				t.Errorf("run %d: notes %q", n+1, progress.notes)
			}
		}
		info, err := os.Stat(w.home.CloudsYAML)
		if err != nil || info.Mode() != 0o600 {
			t.Errorf("mode %v, %v", info.Mode(), err)
		}
	})
}

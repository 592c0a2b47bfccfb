// SPDX-License-Identifier: Apache-2.0

package node

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write what is rendered to testdata")

// compareGolden compares files with the archive testdata/<name>.txtar, which has each below its path.
func compareGolden(t *testing.T, name string, files []file) {
	t.Helper()
	var a txtar.Archive
	for _, f := range files {
		// The archive could not represent it.
		if !bytes.HasSuffix(f.Content, []byte("\n")) {
			t.Errorf("%s: %s does not end in a newline", name, f.Path)
		}
		a.Files = append(a.Files, txtar.File{Name: f.Path, Data: f.Content})
	}
	golden, got := filepath.Join("testdata", name+".txtar"), txtar.Format(&a)
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", golden, diff)
	}
}

func TestRenderGolden(t *testing.T) {
	for name, f := range map[string]facts{
		"all-in-one": {KVM: true}, "controller": {}, "gateway": {KernelOVS: true}, "gateway-compute": {Tunnel: someTunnel()},
		"compute": {KVM: true, KernelOVS: true},
	} {
		files, err := render(specs()[name], knownSecrets(), f)
		if err != nil {
			t.Fatal(err)
		}
		compareGolden(t, name, files)
	}
}

func TestRenderUnitsGolden(t *testing.T) {
	files, err := renderUnits(services)
	if err != nil {
		t.Fatal(err)
	}
	compareGolden(t, "units", files)
}

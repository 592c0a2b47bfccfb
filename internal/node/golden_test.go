// SPDX-License-Identifier: Apache-2.0

package node

import (
	"bytes"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"macaw.example/internal/model"
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
	for _, tt := range []struct {
		name    string
		roles   []model.Role
		address string
		public  bool
		facts   facts
	}{
		{"all-in-one", []model.Role{model.Controller, model.Compute, model.Gateway}, "10.0.0.11", true, facts{KVM: true}},
		{"compute-kvm", []model.Role{model.Compute}, "10.0.0.12", false, facts{KVM: true, KernelOVS: true}},
		{"compute-qemu", []model.Role{model.Compute}, "10.0.0.12", true, facts{Tunnel: someTunnel()}},
		{"gateway", []model.Role{model.Gateway}, "10.0.0.13", true, facts{KernelOVS: true}},
	} {
		s := allInOne()
		s.Roles, s.Management.Address = tt.roles, netip.MustParseAddr(tt.address)
		s.Tunnels = len(tt.roles) == 1 // another node has the rest
		if !tt.public {
			s.Management.Public = netip.Addr{}
		}
		files, err := render(s, knownSecrets(), tt.facts)
		if err != nil {
			t.Fatal(err)
		}
		compareGolden(t, tt.name, files)
	}
}

func TestRenderUnitsGolden(t *testing.T) {
	files, err := renderUnits(services)
	if err != nil {
		t.Fatal(err)
	}
	compareGolden(t, "units", files)
}

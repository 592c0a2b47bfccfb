// SPDX-License-Identifier: Apache-2.0

// Package rules enforces the rules in docs/architecture.md: which package may import
// which, what the programs link, how large a package may be, and that each source file
// names its licence.
package rules

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "macaw.example/"

// pkg is what go list says of a package; tests are not part of it.
type pkg struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	Imports    []string
	Deps       []string
}

// list returns the packages of patterns as they are built for a system.
func list(t *testing.T, system string, patterns ...string) []pkg {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Dir,GoFiles,Imports,Deps"}, patterns...)...)
	cmd.Dir = filepath.Join("..", "..")
	cmd.Env = append(os.Environ(), "GOOS="+system, "GOARCH=amd64", "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// short returns a package's path in this module, such as "internal/deploy"; ours is
// false for packages of other modules.
func short(path string) (name string, ours bool) { return strings.CutPrefix(path, module) }

// leaves know nothing of clouds or of the lab, and every package may import them.
var leaves = []string{
	"internal/aws", "internal/filelock", "internal/graph", "internal/hint", "internal/host", "internal/model",
	"internal/jsonstyle", "internal/netdev", "internal/privatefile", "internal/silence", "internal/smallfile",
	"internal/systemd",
	"internal/terminal",
	"internal/version",
}

// alone are the packages that import nothing of the module but leaves; drain also the OpenStack client.
var alone = []string{"internal/aws", "internal/cloud", "internal/host", "internal/translate", "internal/neutron",
	"internal/drain"}

func isLab(name string) bool { return name == "lab" || strings.HasPrefix(name, "lab/") }

// mayImport says whether a package may import another of the module.
func mayImport(from, to string) bool {
	command := strings.HasPrefix(from, "cmd/") || strings.HasPrefix(from, "lab/cmd/")
	switch {
	case to == "internal/cli":
		return command
	case isLab(from) && !isLab(to): // the lab does not know the product
		return slices.Contains(leaves, to)
	case !isLab(from) && isLab(to): // the product only brings the lab up
		return command || from == "internal/deploy" && to == "lab"
	case from == "internal/drain" && to == "internal/neutron":
		return true
	case slices.Contains(alone, from), slices.Contains(leaves, from):
		return slices.Contains(leaves, to)
	}
	return true
}

func TestImports(t *testing.T) {
	for _, p := range list(t, "linux", "./...") {
		from, _ := short(p.ImportPath)
		for _, path := range p.Imports {
			if to, ours := short(path); ours && !mayImport(from, to) {
				t.Errorf("%s imports %s", from, to)
			}
		}
	}
}

// TestMayImport checks that mayImport refuses forbidden imports.
func TestMayImport(t *testing.T) {
	for _, forbidden := range [][2]string{
		{"lab", "internal/deploy"}, {"lab/internal/ec2", "internal/infra"}, {"internal/registrar", "lab"},
		{"internal/deploy", "lab/internal/ec2"}, {"internal/cloud", "internal/infra"}, {"internal/deploy", "internal/cli"},
		{"internal/hint", "internal/cloud"}, {"internal/neutron", "internal/agent"}, {"internal/drain", "internal/cloud"},
	} {
		if mayImport(forbidden[0], forbidden[1]) {
			t.Errorf("%s may import %s", forbidden[0], forbidden[1])
		}
	}
}

// macaw links no package of the node's program, and none of the lab's daemon except on
// Linux; macaw-node links no package of the operator's.
func TestPrograms(t *testing.T) {
	for _, tt := range []struct {
		system, program string
		without         []string
	}{
		{"linux", "cmd/macaw", []string{"internal/agent", "internal/node", "internal/registrar", "internal/translate",
			"internal/tunnel"}},
		{"darwin", "cmd/macaw", []string{"internal/agent", "internal/node", "lab/internal/ec2", "lab/internal/daemon",
			"lab/command"}},
		{"windows", "cmd/macaw", []string{"internal/agent", "internal/node", "lab/internal/ec2", "lab/internal/daemon",
			"lab/command"}},
		{"linux", "cmd/macaw-node", []string{"lab", "internal/cli", "internal/cloud", "internal/deploy", "internal/host",
			"internal/infra"}},
		{"linux", "lab/cmd/macaw-lab", []string{"internal/cli", "internal/cloud", "internal/deploy", "internal/neutron"}},
	} {
		for _, dep := range list(t, tt.system, "./"+tt.program)[0].Deps {
			if name, ours := short(dep); ours && slices.Contains(tt.without, name) {
				t.Errorf("%s for %s has %s", tt.program, tt.system, name)
			}
		}
	}
}

// Packages stay small enough to read.
func TestSizes(t *testing.T) {
	limits := map[string]int{"internal/cli": 2500, "lab/internal/ec2": 12000, "lab/internal/vpc": 6000,
		"lab/internal/conform": 7000, "internal/infra": 7300, "internal/node": 7000}
	for _, p := range list(t, "linux", "./...") {
		name, _ := short(p.ImportPath)
		lines := 0
		for _, file := range p.GoFiles {
			text, err := os.ReadFile(filepath.Join(p.Dir, file))
			if err != nil {
				t.Fatal(err)
			}
			lines += strings.Count(string(text), "\n")
		}
		limit, ok := limits[name]
		if !ok {
			limit = 6000
		}
		if lines > limit {
			t.Errorf("%s has %d lines, more than %d", name, lines, limit)
		}
	}
}

// Every source file says its licence, in the form of SPDX.
func TestLicences(t *testing.T) {
	err := filepath.WalkDir(filepath.Join("..", ".."), func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && d.Name() != ".." || d.Name() == "dist") {
			return filepath.SkipDir
		}
		if ext := filepath.Ext(path); ext != ".go" && ext != ".c" && ext != ".h" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		first, _, _ := strings.Cut(string(text), "\n")
		if !strings.Contains(first, "SPDX-License-Identifier: ") && !strings.HasPrefix(first, "// Code generated") {
			t.Errorf("%s does not say its licence", path)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

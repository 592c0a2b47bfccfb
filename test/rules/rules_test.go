// SPDX-License-Identifier: Apache-2.0

// Package rules enforces docs/architecture.md's rules: which package may import which, and
// how large a package may be.
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

// pkg is the output of go list for a package, without its tests.
type pkg struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	Imports    []string
	Deps       []string
}

// list returns the packages that match patterns, as built for a system.
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

// room returns a package's path within this module, such as "internal/deploy"; ours is
// false if it is not in the module.
func room(path string) (name string, ours bool) { return strings.CutPrefix(path, module) }

// leaves know nothing of clouds or of the lab, and may be imported from everywhere.
var leaves = []string{
	"internal/aws", "internal/filelock", "internal/graph", "internal/hint", "internal/host", "internal/model",
	"internal/silence", "internal/smallfile", "internal/systemd", "internal/terminal", "internal/version",
}

// alone are the packages that import only leaves.
var alone = []string{"internal/aws", "internal/cloud", "internal/host", "internal/translate", "internal/neutron"}

func isLab(room string) bool { return room == "lab" || strings.HasPrefix(room, "lab/") }

// mayImport tells whether a package may import another one of the module.
func mayImport(from, to string) bool {
	command := strings.HasPrefix(from, "cmd/") || strings.HasPrefix(from, "lab/cmd/")
	switch {
	case to == "internal/cli":
		return command
	case isLab(from) && !isLab(to): // the lab does not depend on the product
		return slices.Contains(leaves, to)
	case !isLab(from) && isLab(to): // nor the product on the lab, except to bring it up
		return command || from == "internal/deploy" && to == "lab"
	case slices.Contains(alone, from), slices.Contains(leaves, from):
		return slices.Contains(leaves, to)
	}
	return true
}

func TestImports(t *testing.T) {
	for _, p := range list(t, "linux", "./...") {
		from, _ := room(p.ImportPath)
		for _, path := range p.Imports {
			if to, ours := room(path); ours && !mayImport(from, to) {
				t.Errorf("%s imports %s", from, to)
			}
		}
	}
}

// The rules refuse the imports that they are meant to prevent.
func TestRules(t *testing.T) {
	for _, forbidden := range [][2]string{
		{"lab", "internal/deploy"}, {"lab/internal/ec2", "internal/infra"}, {"internal/registrar", "lab"},
		{"internal/deploy", "lab/internal/ec2"}, {"internal/cloud", "internal/infra"}, {"internal/deploy", "internal/cli"},
		{"internal/hint", "internal/cloud"}, {"internal/neutron", "internal/agent"},
	} {
		if mayImport(forbidden[0], forbidden[1]) {
			t.Errorf("%s may import %s", forbidden[0], forbidden[1])
		}
	}
}

// The operator's program contains nothing of the node's, and outside Linux nothing of the
// lab's daemon; the node's program contains nothing of the operator's.
func TestPrograms(t *testing.T) {
	for _, tt := range []struct {
		system, program string
		without         []string
	}{
		{"linux", "cmd/macaw", []string{"internal/agent", "internal/node", "internal/registrar", "internal/translate"}},
		{"darwin", "cmd/macaw", []string{"internal/agent", "internal/node", "lab/internal/ec2", "lab/internal/daemon",
			"lab/command"}},
		{"windows", "cmd/macaw", []string{"internal/agent", "internal/node", "lab/internal/ec2", "lab/internal/daemon",
			"lab/command"}},
		{"linux", "cmd/macaw-node", []string{"lab", "internal/cli", "internal/cloud", "internal/deploy", "internal/host",
			"internal/infra"}},
		{"linux", "lab/cmd/macaw-lab", []string{"internal/cli", "internal/cloud", "internal/deploy", "internal/neutron"}},
	} {
		for _, dep := range list(t, tt.system, "./"+tt.program)[0].Deps {
			if name, ours := room(dep); ours && slices.Contains(tt.without, name) {
				t.Errorf("%s for %s has %s", tt.program, tt.system, name)
			}
		}
	}
}

// Packages are small enough to be read.
func TestSizes(t *testing.T) {
	limits := map[string]int{"internal/cli": 2500, "lab/internal/ec2": 12000, "lab/internal/vpc": 6000}
	for _, p := range list(t, "linux", "./...") {
		name, _ := room(p.ImportPath)
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

// Every source file states its licence in SPDX form.
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

// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"macaw.example/internal/nodeapi"
	"macaw.example/internal/systemd"
)

func TestConfigChangedIsWhenTheNewestReadFileCameToBe(t *testing.T) {
	n := &node{root: t.TempDir(), files: []file{
		{Path: "/etc/a", Readers: []string{"x.service"}},
		{Path: "/etc/b", Readers: []string{"x.service", "y.service"}},
		{Path: "/etc/c", Readers: []string{"z.service"}},
	}}
	at := map[string]time.Time{}
	for _, f := range n.files {
		if _, err := (file{Path: f.Path, Mode: 0o644}).Write(n.root); err != nil {
			t.Fatal(err)
		}
		at[f.Path] = systemd.Changed(filepath.Join(n.root, f.Path))
	}
	newest := at["/etc/a"]
	if at["/etc/b"].After(newest) {
		newest = at["/etc/b"]
	}
	for unit, want := range map[string]time.Time{
		"x.service": newest, "y.service": at["/etc/b"], "z.service": at["/etc/c"], "other.service": {},
	} {
		if got := n.configChanged(unit); !got.Equal(want) {
			t.Errorf("configuration of %s changed at %v, want %v", unit, got, want)
		}
	}
}

// A killed run has started the database without describing anything in it.
func TestBridgesAreDescribedInADatabaseThatRuns(t *testing.T) {
	var ran []string
	n := &node{spec: allInOne(), root: t.TempDir(), run: func(_ context.Context, c command) (string, error) {
		ran = append(ran, c.Args[0])
		if c.Args[0] != "systemctl" {
			return "", nil
		}
		out := ""
		for range c.Args[slices.Index(c.Args, "--")+1:] {
			out += "LoadState=loaded\nActiveState=active\nExecMainStartTimestamp=Mon 2026-11-23 01:04:40.123456 UTC\n\n"
		}
		return out, nil
	}}
	if err := n.configureOVS(t.Context()); err != nil && !errors.Is(err, errNothingToDo) {
		t.Fatal(err)
	}
	if !slices.Contains(ran, "ovs-vsctl") {
		t.Errorf("nothing is described in Open vSwitch: ran %q", ran)
	}
}

func TestEnableDisable(t *testing.T) {
	root := t.TempDir()
	os.MkdirAll(filepath.Join(root, "usr/lib/systemd/system"), 0o755)
	os.WriteFile(filepath.Join(root, "usr/lib/systemd/system/a.service"), nil, 0o644)
	units := []string{"a.service", "b.socket"}
	for range 2 {
		if err := enable(root, units); err != nil {
			t.Fatal(err)
		}
	}
	for link, want := range map[string]string{
		"multi-user.target.wants/a.service": "/usr/lib/systemd/system/a.service",
		"sockets.target.wants/b.socket":     "/etc/systemd/system/b.socket",
	} {
		if got, err := os.Readlink(filepath.Join(root, "etc/systemd/system", link)); got != want {
			t.Errorf("%s leads to %q (%v), want %q", link, got, err, want)
		}
	}
	if err := disable(root, units); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(root, "etc/systemd/system/*.wants/*")); len(left) > 0 {
		t.Errorf("still enabled: %v", left)
	}
}

// A unit that runs macaw-node all the time is restarted when another macaw-node has come.
func TestUnitsOfAnOlderProgram(t *testing.T) {
	restarted := map[string]bool{}
	for _, spec := range specs() {
		for _, f := range programs(spec) {
			for _, unit := range f.Readers {
				restarted[unit] = restarted[unit] || f.Path == nodeapi.Program
			}
		}
	}
	units, err := fs.Glob(templates, "files/*.service")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, path := range units {
		text, err := fs.ReadFile(templates, path)
		if err != nil {
			t.Fatal(err)
		}
		runs := strings.Contains(string(text), "\nExecStart="+nodeapi.Program+" ")
		if !runs || strings.Contains(string(text), "\nType=oneshot") {
			continue
		}
		found++
		if unit := filepath.Base(path); !restarted[unit] {
			t.Errorf("%s goes on with an older %s", unit, nodeapi.Program)
		}
	}
	if found == 0 {
		t.Error("no unit that runs macaw-node was found")
	}
}

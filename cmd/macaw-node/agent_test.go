// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"macaw.example/internal/nodeapi"
)

// A status shows the translation, whatever is wrong with the machine's spec.
func TestMachine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "node.json")
	inspect := func(s nodeapi.OpenStack) nodeapi.Machine { return nodeapi.Machine{Stopped: []string{s.Node}} }
	if m := machine(path, inspect); m != nil {
		t.Errorf("without a spec: %+v", m)
	}
	if err := os.WriteFile(path, []byte(`{"openstack": {"node": "cloud-1"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if m := machine(path, inspect); m == nil || len(m.Stopped) != 1 || m.Stopped[0] != "cloud-1" {
		t.Errorf("with a spec: %+v", m)
	}
	if err := os.WriteFile(path, []byte(`{"openstack": 7}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if m := machine(path, inspect); m == nil || !strings.Contains(m.Unknown, path) || m.Stopped == nil {
		t.Errorf("with a spec of another version: %+v", m)
	}
}

// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"
)

// Spec describes a machine. It is stored in the machine's folder, where the supervisor
// reads it.
type Spec struct {
	// ID is the instance ID, such as i-0123456789abcdef0.
	ID string
	// Layers are the directories of the image, the topmost first.
	Layers []string
	// Hostname is the machine's name until cloud-init sets one.
	Hostname string
	// NICs are the devices in the machine's namespace. The caller creates them; they are
	// recorded here so that a restarted daemon finds them.
	NICs []NIC
	// KVM gives the machine the host's /dev/kvm, if there is one.
	KVM bool
}

// NIC is a network interface of a machine.
type NIC struct {
	ENI    string // eni-...
	Device string // ens5
	MAC    [6]byte
}

// Namespace is the name of the machine's network namespace.
func Namespace(id string) string { return "mcw-" + id }

// folder is the path of a machine's folder.
type folder string

func (f folder) path(name string) string { return filepath.Join(string(f), name) }
func (f folder) spec() string            { return f.path("machine.json") }
func (f folder) upper() string           { return f.path("upper") }
func (f folder) work() string            { return f.path("work") }
func (f folder) root() string            { return f.path("root") }
func (f folder) console() string         { return f.path("console.log") }
func (f folder) lock() string            { return f.path("running.lock") }
func (f folder) leader() string          { return f.path("nspawn.pid") }

func (f folder) read() (Spec, error) {
	b, err := os.ReadFile(f.spec())
	if err != nil {
		return Spec{}, err
	}
	var s Spec
	if err := json.Unmarshal(b, &s); err != nil {
		return Spec{}, fmt.Errorf("reading %s: %w", f.spec(), err)
	}
	return s, nil
}

// write replaces the file atomically: the machine may be booting.
func (f folder) write(s Spec) error {
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return renameio.WriteFile(f.spec(), b, 0o600)
}

// overlay returns the mount options of the machine's overlay.
func (f folder) overlay(layers []string) (string, error) {
	for _, l := range layers {
		if strings.ContainsAny(l, ":,\\") {
			return "", fmt.Errorf("mounting %s: overlayfs can't take the path %q", f.root(), l)
		}
	}
	return fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", strings.Join(layers, ":"), f.upper(), f.work()), nil
}

// SPDX-License-Identifier: Apache-2.0

package packages

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"macaw.example/internal/execute"
	"macaw.example/internal/hint"
)

// Only a machine that has nothing to lose installs packages without syncing, and only if it has not lost
// power since it began to.
func TestUnsynced(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string
		want  bool
		err   string
	}{
		{"new; up has written its spec", map[string]string{"etc/macaw/node.json": "{}"}, true, ""},
		{"a run was killed", map[string]string{unsyncedMarker: "boot-2\n"}, true, ""},
		{"the machine lost power", map[string]string{unsyncedMarker: "boot-1\n"}, false,
			"this machine stopped while packages were being installed"},
		{"Macaw is upgraded", map[string]string{stamp: "of an older one\n"}, false, ""},
		{"the same, lost power after its first installation", map[string]string{stamp: "of an older one\n",
			unsyncedMarker: "boot-1\n"}, false, ""},
		{"a node whose stamp is lost", map[string]string{"etc/macaw/instance-metadata.nft": "x"}, false, ""},
	} {
		var did []string
		n := upgradable(t, stopped, func(line string) error {
			did = append(did, line)
			return nil
		})
		writeBelow(t, n.Root, bootID, "boot-2\n")
		for name, text := range c.files {
			writeBelow(t, n.Root, name, text)
		}
		run, preloaded := n.Run, false
		n.Run = func(ctx context.Context, cmd execute.Command) (string, error) {
			preloaded = preloaded || slices.Contains(cmd.Env, withoutSync)
			return run(ctx, cmd)
		}
		err := n.installPackages(t.Context())
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) || len(hint.All(err)) != 1 || len(did) > 0 {
				t.Errorf("%s: %v after %q; want %q", c.name, err, did, c.err)
			}
			continue
		}
		unsafe := strings.Contains(strings.Join(did, "\n"), "--force-unsafe-io")
		if err != nil || preloaded != c.want || unsafe != c.want {
			t.Errorf("%s: %v, eatmydata %v, unsafe-io %v; want %v", c.name, err, preloaded, unsafe, c.want)
		}
		if text, _ := os.ReadFile(filepath.Join(n.Root, unsyncedMarker)); c.want && string(text) != "boot-2\n" {
			t.Errorf("%s: the marker is %q", c.name, text)
		}
		if err := n.EndUnsynced(); err != nil || c.want && exists(filepath.Join(n.Root, unsyncedMarker)) {
			t.Errorf("%s: the marker outlasts the sync: %v", c.name, err)
		}
	}
}

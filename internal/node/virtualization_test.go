// SPDX-License-Identifier: Apache-2.0

package node

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Each Apply decides anew how guests run: the instance may have got KVM or lost it, and an image may
// come from another type. nova-compute is restarted with the file.
func TestVirtualizationIsDecidedAnew(t *testing.T) {
	root := t.TempDir()
	for i, kvm := range []bool{false, true, true, false} {
		files := renderAll(t, allInOne(), facts{KVM: kvm})
		var changed []string
		for path, f := range files {
			f.Group = "" // this machine may lack it
			wrote, err := f.Write(root)
			if err != nil {
				t.Fatal(err)
			}
			if wrote {
				changed = append(changed, path)
			}
		}
		const path = "/etc/nova/nova-compute.conf"
		if got := strings.Contains(string(files[path].Content), "virt_type = kvm\n"); got != kvm {
			t.Errorf("KVM %v: %s", kvm, files[path].Content)
		}
		if !slices.Contains(files[path].Readers, "nova-compute.service") {
			t.Errorf("%s is read by %v", path, files[path].Readers)
		}
		switch {
		case i == 0:
		case i == 2 && len(changed) > 0, i != 2 && !slices.Equal(changed, []string{path}):
			t.Errorf("apply %d with KVM %v changes %v", i+1, kvm, changed)
		}
	}
}

// Between two Applies nova-compute's own start decides, with the same result.
func TestVirtualizationIsDecidedAtStart(t *testing.T) {
	root := t.TempDir()
	for i, kvm := range []bool{false, true, true, false} {
		changed, err := decideVirtualization(root, facts{KVM: kvm})
		if err != nil || changed != (i != 2) {
			t.Errorf("start %d with KVM %v: changed %v, %v", i+1, kvm, changed, err)
		}
		got, err := os.ReadFile(filepath.Join(root, novaComputeConf.path))
		want := renderAll(t, allInOne(), facts{KVM: kvm})[novaComputeConf.path].Content
		if err != nil || string(got) != string(want) {
			t.Errorf("start %d with KVM %v gives\n%s, %v; want\n%s", i+1, kvm, got, err, want)
		}
	}
}

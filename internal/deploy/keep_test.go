// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"
)

// The command line for a guest that was kept is one for ssh, and names a file with only the host
// keys of this guest: its addresses come back with other guests.
func TestKeptGuestLogin(t *testing.T) {
	for policy, want := range map[string][]string{
		"all":  {"guest_known_hosts", "guest_ed25519", "batchmode yes"},
		"none": {"guest_known_hosts", "guest_ed25519", "proxycommand ssh -i ", "-W %h:%p admin@"},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			text := strings.Replace(file, "addresses: 2", "addresses: 2, elasticIPs: "+policy, 1)
			d, _ := w.process(text)
			if _, err := d.Up(t.Context(), UpOptions{}); err != nil {
				t.Fatal(err)
			}
			known := w.home.guestKnownHosts("first")
			if err := os.WriteFile(known, []byte("of an earlier guest"), 0o600); err != nil {
				t.Fatal(err)
			}
			res, err := d.Verify(t.Context(), true)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(known); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("policy %s: an earlier guest's key is still there: %v", policy, err)
			}
			if _, err := exec.LookPath("ssh"); err != nil {
				t.Skip(err)
			}
			// -G prints the options that a connection would have.
			out, err := exec.Command("sh", "-c", strings.Replace(res.SSH, "ssh ", "ssh -G -o BatchMode=yes ", 1)).Output()
			if err != nil {
				t.Fatalf("%s: %v", res.SSH, err)
			}
			for _, line := range want {
				if !strings.Contains(string(out), line) {
					t.Errorf("policy %s: %s\nlacks %q:\n%s", policy, res.SSH, line, out)
				}
			}
		})
	}
}

// What verify has left is removed without another verification, here and in the cloud.
func TestCleanVerify(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		mustUp(t, w)
		d, _ := w.process(file)
		if _, err := d.Verify(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		before := w.verified
		removed, err := d.CleanVerify(t.Context())
		if err != nil || !removed || w.verified != before || len(w.cleaned) != 1 || w.cleaned[0] != "macaw-verify" {
			t.Errorf("%v, %v, verified %d times, cleaned %q", removed, err, w.verified-before, w.cleaned)
		}
		if _, err := os.Stat(d.guestKey()); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the guest's key is still there: %v", err)
		}
		if removed, err := d.CleanVerify(t.Context()); err != nil || removed {
			t.Errorf("the second time: %v, %v", removed, err)
		}
	})
}

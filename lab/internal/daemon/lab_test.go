// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"macaw.example/lab/internal/control"
	"macaw.example/lab/internal/internet"
	"macaw.example/lab/internal/vpc"
)

func TestResolve(t *testing.T) {
	tests := map[string]struct {
		want netip.Addr
		ok   bool
	}{
		"ip-10-0-0-4.ec2.internal.":                  {netip.MustParseAddr("10.0.0.4"), true},
		"ip-10-0-0-4.eu-central-1.compute.internal.": {netip.MustParseAddr("10.0.0.4"), true},
		"ip-10-0-0-400.ec2.internal.":                {},
		"ip-10-0-0-4.example.com.":                   {},
		internet.WebName + ".":                       {internet.Web, true},
		"nobody.example.net.":                        {},
	}
	for name, tt := range tests {
		got, ok := resolve(name)
		if ok != tt.ok || ok && got != tt.want {
			t.Errorf("resolve(%q) = %v, %v; want %v, %v", name, got, ok, tt.want, tt.ok)
		}
	}
}

func TestDropsOf(t *testing.T) {
	f := vpc.New(vpc.Config{})
	var out vpc.Output
	f.Forward(vpc.ENIPort("eni-1"), make([]byte, 60), time.Now(), &out)
	d := dropsOf(f)
	if len(d.Counts) != 1 || d.Counts[0].Frames != 1 || d.Counts[0].Explain == "" {
		t.Errorf("counted %+v, want one frame with an explanation", d.Counts)
	}
	if len(d.Recent) != 1 || d.Recent[0].Reason != d.Counts[0].Reason {
		t.Errorf("recent %+v, want the frame that was counted", d.Recent)
	}
}

func TestSecretsAreWrittenForRootOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dir", "lab.json")
	if err := writeJSON(path, control.Config{SecretKey: "secret"}); err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if st.Mode().Perm() != 0o600 {
		t.Errorf("mode %04o, want 0600", st.Mode().Perm())
	}
}

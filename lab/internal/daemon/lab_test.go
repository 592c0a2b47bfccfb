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

// Clouds share the account: a command for one of them never lowers its quota.
func TestElasticIPQuota(t *testing.T) {
	for name, tt := range map[string]struct {
		options Options
		before  int
		made    bool
		want    int
	}{
		"nothing is said":    {Options{}, 7, false, 7},
		"AWS's default":      {Options{}, 0, true, 0},
		"set":                {Options{ElasticIPQuota: 3, MinElasticIPQuota: 9}, 7, false, 3},
		"raised":             {Options{MinElasticIPQuota: 9}, 7, false, 9},
		"not lowered":        {Options{MinElasticIPQuota: 6, NewElasticIPQuota: 20}, 7, false, 7},
		"nor below AWS's":    {Options{MinElasticIPQuota: 4}, 0, false, 0},
		"made":               {Options{NewElasticIPQuota: 20}, 0, true, 20},
		"made for more":      {Options{NewElasticIPQuota: 20, MinElasticIPQuota: 30}, 0, true, 30},
		"raised above AWS's": {Options{MinElasticIPQuota: 6}, 0, false, 6},
	} {
		if got := tt.options.quota(tt.before, tt.made); got != tt.want {
			t.Errorf("%s: %d, want %d", name, got, tt.want)
		}
	}
}

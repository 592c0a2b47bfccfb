package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

func entryOf(url string) yaml.MapSlice {
	return yaml.MapSlice{
		{Key: "auth", Value: yaml.MapSlice{{Key: "auth_url", Value: url}, {Key: "username", Value: "admin"}}},
		{Key: "region_name", Value: "RegionOne"},
	}
}

func TestMergeCloud(t *testing.T) {
	const mine = `clouds:
  demo:
    auth:
      auth_url: http://a/v3
      username: admin
    region_name: RegionOne
`
	const theirs = `# my clouds
clouds:
  # at work
  work:
    auth:
      auth_url: https://office/v3 # behind the VPN
cache:
  auth: true
`
	tests := map[string]struct {
		before string
		entry  yaml.MapSlice
		want   string
	}{
		"no file":            {"", entryOf("http://a/v3"), mine},
		"the same again":     {mine, entryOf("http://a/v3"), mine},
		"removed":            {mine, nil, "clouds: {}\n"},
		"not there to begin": {theirs, nil, theirs},
		"beside others": {theirs, entryOf("http://a/v3"), `# my clouds
clouds:
  # at work
  work:
    auth:
      auth_url: https://office/v3 # behind the VPN
  demo:
    auth:
      auth_url: http://a/v3
      username: admin
    region_name: RegionOne
cache:
  auth: true
`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := mergeCloud([]byte(tt.before), "demo", tt.entry)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, string(got)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestPutCloudKeepsSecretsPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "openstack", "clouds.yaml")
	changed, err := putCloud(path, "demo", entryOf("http://a/v3"))
	if err != nil || !changed {
		t.Fatalf("putCloud: changed %v, %v", changed, err)
	}
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if st.Mode().Perm() != 0o600 {
		t.Errorf("clouds.yaml has mode %04o, want 0600", st.Mode().Perm())
	}
	if changed, err := putCloud(path, "demo", entryOf("http://a/v3")); err != nil || changed {
		t.Errorf("the same again: changed %v, %v", changed, err)
	}
}

func TestRooms(t *testing.T) {
	got := rooms([]Timing{
		{Room: "infra", Step: "a", Start: 0, Seconds: 2},
		{Room: "infra", Step: "b", Start: 1, Seconds: 2}, // beside a
		{Room: "node", Step: "c", Start: 3, Seconds: 10},
		{Room: "node", Step: "d", Start: 20, Seconds: 1}, // after a pause
		{Room: "host", Step: "e", Start: 3, Seconds: 0.01},
	})
	if want := "infra 3.0s, node 11.0s"; got != want {
		t.Errorf("rooms = %q, want %q", got, want)
	}
}

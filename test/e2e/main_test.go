// SPDX-License-Identifier: Apache-2.0

// Package e2e brings clouds up in the lab with the macaw command, as users do, and checks
// the visible results.
package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// macaw is the path of the program under test.
var macaw string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	flag.Parse()
	if skipReason() != "" {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "macaw-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	macaw = filepath.Join(dir, "macaw")
	build := exec.Command("make", "-C", "../..", "build", "BIN="+dir)
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building macaw: %v\n%s", err, out)
		return 1
	}
	// Keep the tests' keys and clouds.yaml out of the user's directories.
	for name, value := range map[string]string{
		"XDG_DATA_HOME": filepath.Join(dir, "data"), "XDG_CONFIG_HOME": filepath.Join(dir, "config"),
		"OS_CLIENT_CONFIG_FILE": filepath.Join(dir, "clouds.yaml"),
	} {
		if err := os.Setenv(name, value); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return m.Run()
}

// skipReason returns why these tests cannot run here; empty if they can.
func skipReason() string {
	switch {
	case testing.Short():
		return "brings clouds up: not with -short"
	case os.Geteuid() != 0:
		return "the lab needs root"
	}
	for _, tool := range []string{"mmdebstrap", "systemd-nspawn", "openstack", "ping"} {
		if _, err := exec.LookPath(tool); err != nil {
			return tool + " is not installed: make test-e2e installs it"
		}
	}
	return ""
}

func needLab(t testing.TB) {
	t.Helper()
	if why := skipReason(); why != "" {
		t.Skip(why)
	}
}

// command runs a command and returns its standard output; the error includes its standard
// error.
func command(ctx context.Context, name string, args ...string) (string, error) {
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s %s: %w\n%s", filepath.Base(name), strings.Join(args, " "), err, errs.String())
	}
	return out.String(), nil
}

// must runs a command that has to succeed.
func must(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := command(t.Context(), name, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// clearFaultsAfter has the lab's faults end with a test.
func clearFaultsAfter(t testing.TB) {
	t.Cleanup(func() {
		if _, err := command(context.Background(), macaw, "lab", "fault", "clear", "--all"); err != nil {
			t.Error(err)
		}
	})
}

// summary is what "macaw up --output json" prints.
type summary struct {
	Cloud, Dashboard, AuthURL, CloudsYAML, Verified string
	Addresses                                       []struct{ Private, Public string }
	Changes                                         int
	Seconds                                         float64
	Steps                                           []struct {
		Phase, Step string
		Start       float64 `json:"startSeconds"`
		Seconds     float64
	}
}

// up brings a cloud up and logs the duration of its steps.
func up(t testing.TB, file string, args ...string) summary {
	t.Helper()
	out := must(t, macaw, append([]string{"up", file, "--output", "json"}, args...)...)
	var s summary
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		t.Fatalf("reading what up printed: %v\n%s", err, out)
	}
	t.Logf("up: %.1f s, %d changes, verified %s", s.Seconds, s.Changes, s.Verified)
	for _, step := range s.Steps {
		if step.Seconds >= 1 {
			t.Logf("  %6.1f s  %-9s %s", step.Seconds, step.Phase, step.Step)
		}
	}
	return s
}

// cloudFile writes the file of a cloud in the lab. Different clouds may have the same
// networks: each has its own VPC.
func cloudFile(t testing.TB, name, more string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name+".yaml")
	text := fmt.Sprintf("name: %s\ntarget: lab\n%s", name, more)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// downAfter removes a cloud, with everything that the test left in it, when the test ends. What its nodes have logged
// is printed before if the test has failed.
func downAfter(t testing.TB, file string) {
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() {
			logsOf(t, file)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
		defer cancel()
		if _, err := command(ctx, macaw, "down", "--yes", file); err != nil {
			t.Error(err)
		}
	})
}

// logsOf prints what a cloud's status is, and what Macaw's own units have logged last on each node.
func logsOf(t testing.TB, file string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	status, err := command(ctx, macaw, "status", file, "--output", "json")
	t.Logf("status: %s, %v", status, err)
	var st struct{ Nodes []struct{ Name string } }
	if err := json.Unmarshal([]byte(status), &st); err != nil {
		return
	}
	for _, n := range st.Nodes {
		out, err := command(ctx, macaw, "ssh", file, n.Name, "--", "sudo", "journalctl", "--no-pager", "-n", "150", "-o",
			"short-precise", "-u", quoted("macaw-*"))
		t.Logf("%s has logged: %s, %v", n.Name, out, err)
	}
}

// eventually waits until fn succeeds.
func eventually(t testing.TB, what string, limit time.Duration, fn func() error) {
	t.Helper()
	begin := time.Now()
	for tries := 1; ; tries++ {
		err := fn()
		if err == nil && tries == 1 {
			return
		}
		if err == nil {
			t.Logf("%s: after %.1f s", what, time.Since(begin).Seconds())
			return
		}
		if time.Since(begin) > limit {
			t.Fatalf("%s: not within %s: %v", what, limit, err)
		}
		time.Sleep(500 * time.Millisecond)
	}
}

var errNoAnswer = errors.New("no answer")

// pings sends n echo requests and returns how many were answered.
func pings(t testing.TB, address string, n int) int {
	t.Helper()
	out, _ := command(t.Context(), "ping", "-n", "-q", "-i", "0.2", "-W", "3", "-c", fmt.Sprint(n), address)
	for line := range strings.Lines(out) {
		var sent, received int
		if _, err := fmt.Sscanf(line, "%d packets transmitted, %d received", &sent, &received); err == nil {
			return received
		}
	}
	t.Fatalf("ping %s printed %q", address, out)
	return 0
}

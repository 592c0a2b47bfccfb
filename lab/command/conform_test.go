// SPDX-License-Identifier: Apache-2.0

package command

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"macaw.example/internal/terminal"
	"macaw.example/lab"
	"macaw.example/lab/internal/conform"
	"macaw.example/lab/labtest"
)

// conformWith runs the command against a lab API at its own address.
func conformWith(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	api := labtest.NewAPI(t, labtest.APIOptions{})
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": labtest.AccessKey,
		"AWS_SECRET_ACCESS_KEY": labtest.SecretKey, "AWS_SESSION_TOKEN": "",
		"AWS_PROFILE": "", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
		"AWS_ENDPOINT_URL": "", "AWS_EC2_METADATA_DISABLED": "true"} {
		t.Setenv(name, value)
	}
	var out, errs bytes.Buffer
	term := terminal.New(&out, &errs)
	cmd := New(term, "macaw lab", lab.Options{Command: []string{"macaw", "lab"}})
	term.Flags(cmd)
	cmd.SetArgs(append([]string{"conform", "--endpoint", server.URL, "--region", "us-east-1"}, args...))
	err = cmd.ExecuteContext(context.Background())
	return out.String(), errs.String(), err
}

func TestLabConform(t *testing.T) {
	stdout, stderr, err := conformWith(t, "--yes", "--only", "assign-whole,elastic-primary", "--free", "--output", "json")
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr)
	}
	var report conform.Report
	if err := json.Unmarshal([]byte(stdout), &report); err != nil {
		t.Fatalf("%v in %s", err, stdout)
	}
	passed := map[string]bool{}
	for _, r := range report.Results {
		passed[r.ID] = r.Status == conform.Passed
	}
	if _, there := passed["elastic-primary"]; !passed["assign-whole"] || !passed["assign"] || there {
		t.Errorf("passed: %v; want assign-whole and what it needs, and nothing that costs", passed)
	}
	if !strings.Contains(stderr, "two VPCs") {
		t.Errorf("what will be made is not shown:\n%s", stderr)
	}
}

func TestLabConformAsks(t *testing.T) {
	_, _, err := conformWith(t, "--only", "assign")
	if err == nil || !strings.Contains(err.Error(), "terminal") {
		t.Errorf("without a terminal: %v", err)
	}
	if _, _, err = conformWith(t, "--only", "moon"); err == nil || !strings.Contains(err.Error(), "moon") {
		t.Errorf("a check that there is not: %v", err)
	}
	stdout, _, err := conformWith(t, "--list", "--only", "assign")
	if err != nil || !strings.Contains(stdout, "assign") {
		t.Errorf("the list: %v %s", err, stdout)
	}
	stdout, _, err = conformWith(t, "--clean")
	if err != nil || !strings.HasPrefix(stdout, "0 resources") {
		t.Errorf("nothing to clean: %v %s", err, stdout)
	}
}

// TestLabConformAWSElsewhere checks that an endpoint declared as AWS is not the lab's.
func TestLabConformAWSElsewhere(t *testing.T) {
	t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:8773")
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")
	for _, endpoint := range []string{"aws", "https://ec2.us-east-1.amazonaws.com"} {
		_, _, err := (&commands{name: "macaw lab"}).connectConform(t.Context(),
			conformOptions{endpoint: endpoint, region: "us-east-1"})
		if err == nil || !strings.Contains(err.Error(), "another endpoint") {
			t.Errorf("--endpoint %s with AWS_ENDPOINT_URL: %v", endpoint, err)
		}
	}
}

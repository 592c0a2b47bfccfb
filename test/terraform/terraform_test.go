// SPDX-License-Identifier: Apache-2.0

package terraform

import (
	"errors"
	"flag"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"macaw.example/lab/labtest"
)

var apply = flag.Bool("apply", false, "run Terraform or OpenTofu with the AWS provider; a quarter of an hour")

// TestTerraform applies testdata/first.tf, then testdata/second.tf, and destroys all. After
// each, a plan must find no difference.
//
// The provider comes from where the user's CLI configuration says: a registry, a mirror,
// or a directory (dev_overrides).
func TestTerraform(t *testing.T) {
	if !*apply {
		t.Skip("runs with -apply (make test-terraform)")
	}
	api := labtest.NewAPI(t, labtest.APIOptions{})
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)
	tf := terraform{t, program(t), t.TempDir(),
		[]string{"AWS_EC2_METADATA_DISABLED=true", "TF_VAR_endpoint=" + server.URL}}
	for i, configuration := range []string{"first.tf", "second.tf"} {
		tf.configure(configuration)
		if i == 0 {
			tf.init()
		}
		tf.run("apply", "-auto-approve")
		tf.run("plan", "-detailed-exitcode") // fails if there is a difference
	}
	tf.run("destroy", "-auto-approve")
}

// program is the newest way to run the provider that is here.
func program(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"tofu", "terraform"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("neither tofu nor terraform is in PATH")
	return ""
}

// overridden reports whether the user's configuration names a directory with the provider:
// init would look for it in the registry.
func overridden() bool {
	text, err := os.ReadFile(os.Getenv("TF_CLI_CONFIG_FILE"))
	return err == nil && strings.Contains(string(text), "dev_overrides")
}

type terraform struct {
	t               *testing.T
	program, folder string
	env             []string
}

// configure takes a file of testdata as the configuration.
func (tf terraform) configure(name string) {
	tf.t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		tf.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(tf.folder, "main.tf"), text, 0o600); err != nil {
		tf.t.Fatal(err)
	}
}

// init gets the provider, unless the user's configuration has it.
func (tf terraform) init() {
	tf.t.Helper()
	if !overridden() {
		tf.run("init")
	}
}

func (tf terraform) run(args ...string) {
	tf.t.Helper()
	cmd := exec.CommandContext(tf.t.Context(), tf.program, append(args, "-no-color")...)
	cmd.Dir = tf.folder
	cmd.Env = append(append(os.Environ(), "TF_IN_AUTOMATION=1", "CHECKPOINT_DISABLE=1"), tf.env...)
	out, err := cmd.CombinedOutput()
	tf.t.Logf("%s:\n%s", args[0], out)
	exit, ok := errors.AsType[*exec.ExitError](err)
	switch {
	case ok && args[0] == "plan" && exit.ExitCode() == 2:
		tf.t.Fatal("the plan has a difference")
	case err != nil:
		tf.t.Fatalf("%s: %v", args[0], err)
	}
}

// SPDX-License-Identifier: Apache-2.0

package packages

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// quickStartCheck imports a package that says when it is loaded.
const quickStartCheck = `
import gc
import macaw_quickstart
assert gc.get_threshold()[0] > 2000

import saml2
from saml2 import sigver
from saml2.schema import soapenv
print('imported')
print(sigver.what, soapenv.what)
import json  # others are as ever
print(json.dumps({}))
`

func TestQuickStart(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3")
	}
	dir := t.TempDir()
	for name, content := range map[string]string{
		"macaw_quickstart.py":      string(quickStart),
		"saml2/__init__.py":        "print('saml2 is loaded')\n",
		"saml2/sigver.py":          "print('sigver is loaded')\nwhat = 'signatures'\n",
		"saml2/schema/__init__.py": "",
		"saml2/schema/soapenv.py":  "what = 'envelopes'\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(python, "-c", quickStartCheck)
	cmd.Env = append(os.Environ(), "PYTHONPATH="+dir, "PYTHONDONTWRITEBYTECODE=1")
	out, err := cmd.CombinedOutput()
	// To import a module of a package looks into the package.
	want := "saml2 is loaded\nimported\nsigver is loaded\nsignatures envelopes\n{}\n"
	if err != nil || string(out) != want {
		t.Errorf("%v\n%s\nwant\n%s", err, out, want)
	}
}

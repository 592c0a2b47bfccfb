// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"strings"
	"testing"

	"macaw.example/internal/hint"
)

// A home that is no absolute path would be another directory with each directory that macaw is started in.
func TestRelativeHome(t *testing.T) {
	for _, variable := range []string{"XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "OS_CLIENT_CONFIG_FILE"} {
		t.Setenv(variable, "")
	}
	t.Setenv("HOME", "relative")
	t.Setenv("USERPROFILE", "relative")
	const want = `finding the directory for the keys of clouds, and clouds.yaml: the home directory "relative" is no absolute path`
	_, err := operatorHome()
	if err == nil || err.Error() != want || !strings.Contains(strings.Join(hint.All(err), ""), "set HOME") {
		t.Errorf("%v, %q", err, hint.All(err))
	}
}

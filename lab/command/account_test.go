// SPDX-License-Identifier: Apache-2.0

package command

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"macaw.example/internal/terminal"
	"macaw.example/lab"
)

// Values that a setting does not take are refused before the lab is asked, with the setting's name; also
// those that look like a flag.
func TestAccountSetRefuses(t *testing.T) {
	for _, tt := range []struct{ args, want string }{
		{"vcpu-quota -1", "error: vcpu-quota: \"-1\": want a number, at least 1\nhint: vcpu-quota NUMBER"},
		{"vcpu-quota 0", "error: vcpu-quota: \"0\": want a number"},
		{"iam-delay -15s", "error: iam-delay -15s: want between 0s and 5m0s"},
		{"moon -1", "error: there is no setting \"moon\"\nhint: one of vcpu-quota, "},
		{"no-capacity us-east-1a=t3.nan", "error: no-capacity: there is no instance type \"t3.nan\": family t3 has "},
		{"vcpu-quota 5 -x", "error: unknown shorthand flag: 'x' in -x\nhint: macaw lab account set --help"},
		{"-x", "error: unknown shorthand flag: 'x' in -x"},
	} {
		var stdout, stderr strings.Builder
		term := &terminal.Terminal{Stdout: &stdout, Stderr: &stderr}
		root := &cobra.Command{Use: "macaw"}
		root.AddCommand(New(term, "macaw lab", lab.Options{}))
		term.Flags(root)
		code := term.Run(t.Context(), root, append([]string{"lab", "account", "set"}, strings.Fields(tt.args)...))
		if code != 2 || !strings.Contains(strings.ReplaceAll(stderr.String(), "  hint", "hint"), tt.want) {
			t.Errorf("%s: code %d, %s\nwant %s", tt.args, code, &stderr, tt.want)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

// Package systemdtest answers for systemd in tests.
package systemdtest

import (
	"slices"
	"strings"
)

// Show answers a systemctl show with these arguments. states has the properties of units that are not as usual, each
// as in "LoadState=loaded ActiveState=active".
func Show(args []string, usual string, states map[string]string) string {
	var out []string
	for _, unit := range args[slices.Index(args, "--")+1:] {
		state, ok := states[unit]
		if !ok {
			state = usual
		}
		out = append(out, "Id="+unit+"\n"+strings.ReplaceAll(state, " ", "\n")+"\n")
	}
	return strings.Join(out, "\n")
}

// SPDX-License-Identifier: Apache-2.0

package packages

import (
	"context"
	_ "embed"

	"macaw.example/internal/execute"
	"macaw.example/internal/graph"
)

// PythonCache is where the daemons find the result of rememberEntryPoints. Only root can write to
// it, because daemons run what it names.
const PythonCache = "/var/cache/macaw"

//go:embed entrypoints.py
var entryPointsScript string

// rememberEntryPoints saves each daemon a search for plugins through three hundred packages. All of
// them would otherwise make it at their first start, at the same time.
func (m *Machine) rememberEntryPoints(ctx context.Context) error {
	if _, err := m.Run(ctx, execute.Command{Args: []string{"python3", "-"}, Env: []string{"XDG_CACHE_HOME=" + PythonCache},
		Stdin: entryPointsScript}); err != nil {
		return graph.ErrNothingToDo // without the cache, daemons are only slower
	}
	return nil
}

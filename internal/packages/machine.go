// SPDX-License-Identifier: Apache-2.0

package packages

import (
	"slices"
	"time"

	"macaw.example/internal/configfile"
	"macaw.example/internal/execute"
	"macaw.example/internal/graph"
)

// Machine is where packages are installed.
type Machine struct {
	Root string // of its files; the tests' is a directory
	Run  execute.Runner
	Note func(step, text string) // reports something about a step under way
	// Used are files of which one exists once the machine has something to lose. Before, packages are installed
	// without waiting for the disk.
	Used []string
	// Gateway is how long to wait for the gateway through which the machine reaches Debian's packages, which may be
	// made at the same time. Zero means that there is none in between.
	Gateway time.Duration
}

// Steps are the steps that install the packages and prepare what they have brought. The entry points need a step
// "units" of the caller's.
func (m *Machine) Steps() []graph.Step {
	return []graph.Step{
		{Name: "packages", Run: m.installPackages},
		{Name: "default MTU", Needs: []string{"packages"}, Run: m.installMTUDriver},
		{Name: "static files", Needs: []string{"bytecode"}, Run: m.buildDashboard},
		{Name: "bytecode", Needs: []string{"packages"}, Run: m.compilePython},
		{Name: "entry points", Needs: []string{"units", "default MTU"}, Run: m.rememberEntryPoints},
		{Name: "replies", Needs: []string{"packages"}, Run: m.quickenReplies},
		{Name: "starts", Needs: []string{"packages"}, Run: m.quickenStarts},
	}
}

// Files are those that the steps write and leave, but for HeldBack.
func Files() []configfile.File { return slices.Concat(mtuFiles(), quickStartFiles(), bootFiles) }

// Changes are the programs and texts that change what packages have brought.
func Changes() string { return entryPointsScript + quickReply }

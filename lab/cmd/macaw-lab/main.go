// SPDX-License-Identifier: Apache-2.0

// Command macaw-lab is the lab on its own: a local AWS with machines and a network that
// drops what AWS drops. "macaw lab" has the same commands.
package main

import (
	"fmt"
	"os"

	"macaw.example/internal/terminal"
	"macaw.example/lab"
	"macaw.example/lab/command"
)

func main() {
	self, err := os.Executable()
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(terminal.ExitFailure)
	}
	t := terminal.New(os.Stdout, os.Stderr)
	root := command.New(t, "macaw-lab", lab.Options{Command: []string{self}})
	t.Flags(root)
	os.Exit(t.Main(root, os.Args[1:]))
}

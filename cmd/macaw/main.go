// SPDX-License-Identifier: Apache-2.0

// Command macaw makes OpenStack clouds on AWS, or on a local AWS, with a network that works.
package main

import (
	"fmt"
	"os"

	"macaw.example/internal/cli"
	"macaw.example/internal/deploy"
	"macaw.example/internal/guest"
	"macaw.example/internal/nodeapi"
	"macaw.example/internal/terminal"
	"macaw.example/lab"
)

func main() {
	self, err := os.Executable()
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(terminal.ExitFailure)
	}
	t := terminal.New(os.Stdout, os.Stderr)
	// The packages of OpenStack and of its guest are in the lab's images.
	options := lab.Options{
		Packages: nodeapi.Packages(), ExtraPackages: guest.Packages, Command: []string{self, "lab"},
	}
	app := &cli.App{Terminal: t, Deployment: deploy.Deployment{Lab: options}}
	os.Exit(t.Main(app.Root(labCommand(t, options)), os.Args[1:]))
}

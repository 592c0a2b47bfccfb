// Command macaw makes OpenStack clouds on AWS, or on a local AWS, with a
// network that works.
package main

import (
	"fmt"
	"os"

	"macaw.example/internal/cli"
	"macaw.example/internal/guest"
	"macaw.example/internal/node"
	"macaw.example/internal/terminal"
	"macaw.example/lab"
)

func main() {
	self, err := os.Executable()
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(terminal.ExitFailure)
	}
	// The packages of OpenStack and of its guest lie in the lab's images.
	options := lab.Options{
		Packages: node.Packages(), ExtraPackages: guest.Packages, Command: []string{self, "lab"},
	}
	t := terminal.New(os.Stdout, os.Stderr)
	os.Exit(t.Main(cli.New(t, options, labCommand(t, options)), os.Args[1:]))
}

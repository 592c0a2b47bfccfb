// Command macaw makes OpenStack clouds on AWS, or on a local AWS, with a
// network that works.
package main

import (
	"os"

	"macaw/internal/cli"
)

func main() { os.Exit(cli.Main()) }

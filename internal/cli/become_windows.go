// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"os"
	"os/exec"

	"macaw.example/internal/terminal"
)

// become runs a program and exits with its exit code: Windows has no exec.
func become(program string, argv []string) error {
	cmd := exec.Command(program, argv[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return terminal.ExitCode(exit.ExitCode())
	}
	return err
}

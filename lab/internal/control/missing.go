// SPDX-License-Identifier: Apache-2.0

package control

import "strings"

// MissingError means that the host lacks Debian packages that the lab needs.
type MissingError struct{ Packages []string }

func (e *MissingError) Error() string {
	return "the host lacks packages that the lab needs: " + strings.Join(e.Packages, ", ")
}

// Hint says how to install them.
func (e *MissingError) Hint() string {
	return "apt-get install --no-install-recommends " + strings.Join(e.Packages, " ")
}

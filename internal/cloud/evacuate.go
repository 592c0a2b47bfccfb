// SPDX-License-Identifier: Apache-2.0

package cloud

import (
	"slices"

	"github.com/goccy/go-yaml/ast"
)

// The values of evacuate: who has guests of a compute node that has died made again on other nodes.
const (
	evacuateManual = "manual" // an operator, by macaw node evacuate
	evacuateAuto   = "auto"   // the controller
)

func (d *decoder) evacuate(path string, n ast.Node, auto *bool) {
	var s string
	if !d.text(path, n, &s) {
		return
	}
	known := []string{evacuateManual, evacuateAuto}
	if !slices.Contains(known, s) {
		d.reject(path, suggest(s, known), "%q is neither manual nor auto", s)
		return
	}
	*auto = s == evacuateAuto
}

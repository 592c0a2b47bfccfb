// SPDX-License-Identifier: Apache-2.0

package node

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"macaw.example/internal/nodeapi"
	"macaw.example/internal/packages"
)

// installVersion is raised whenever the result of the package step, or of Generalize after it,
// changes, so that an image baked by an older Macaw is not used with this one.
const installVersion = 5

// packagesHash is the value that nodeapi.PackagesHash must have.
func packagesHash() string {
	h := sha256.New()
	h.Write([]byte{installVersion})
	for _, name := range nodeapi.Packages() {
		h.Write([]byte(name + "\n"))
	}
	h.Write(schemaScript)
	h.Write([]byte(packages.Changes()))
	units, err := renderUnits(services)
	if err != nil {
		panic(err) // an embedded template
	}
	for _, f := range slices.Concat(packages.Files(), units, []file{packages.HeldBack, cloudInitConfig}) {
		h.Write([]byte(f.Path))
		h.Write(f.Content)
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

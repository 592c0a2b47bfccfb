// SPDX-License-Identifier: Apache-2.0

package aws

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// Token derives a ClientToken, at most 64 characters (EC2 API Reference, RunInstances), from what
// identifies a resource. Include the IDs of the resources that it depends on: a resource made anew
// then has another token, while a call repeated after a crash has the same and makes nothing twice.
func Token(what ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(what, "\x00")))
	return "macaw-" + hex.EncodeToString(sum[:16])
}

// SPDX-License-Identifier: Apache-2.0

package aws

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// Token derives a ClientToken, at most 64 characters (EC2 API Reference,
// RunInstances), from what makes a resource the one it is. The IDs of what it
// stands on should be among it: a resource made anew then has another token,
// while a call repeated after a crash has the same and makes nothing twice.
func Token(what ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(what, "\x00")))
	return "macaw-" + hex.EncodeToString(sum[:16])
}

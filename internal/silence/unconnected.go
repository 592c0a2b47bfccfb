// SPDX-License-Identifier: Apache-2.0

package silence

import (
	"errors"
	"slices"
)

// Refused reports whether the other machine has refused a connection: nothing listens there.
func Refused(err error) bool { return isOne(err, refused) }

// NoRoute reports whether this machine has no way to the other one: it is offline, or has no address
// of the other's family.
func NoRoute(err error) bool { return isOne(err, noRoute) }

func isOne(err error, of []error) bool {
	return slices.ContainsFunc(of, func(one error) bool { return errors.Is(err, one) })
}

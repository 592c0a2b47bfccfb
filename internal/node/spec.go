// SPDX-License-Identifier: Apache-2.0

package node

import (
	"macaw.example/internal/model"
	"macaw.example/internal/nodeapi"
)

// public is the controller's name or address for access from outside.
func public(s nodeapi.OpenStack) string {
	switch {
	case !s.Has(model.Controller):
		return s.Public
	case s.Management.Domain != "":
		return s.Management.Domain
	case s.Management.Public.IsValid():
		return s.Management.Public.String()
	}
	return s.Management.Address.String()
}

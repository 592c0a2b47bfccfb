// SPDX-License-Identifier: Apache-2.0

package node

import (
	"testing"

	"macaw.example/internal/graph"
	"macaw.example/internal/model"
)

func TestSteps(t *testing.T) {
	for _, roles := range [][]model.Role{{model.Controller, model.Compute, model.Gateway}, {model.Controller},
		{model.Compute}, {model.Gateway}, {model.Controller, model.Gateway}} {
		n := &node{spec: allInOne()}
		n.spec.Roles = roles
		if err := graph.Check(n.steps()); err != nil {
			t.Errorf("roles %v: %v", roles, err)
		}
	}
	// On a node with every role, no need may have been dropped as another node's.
	n := &node{spec: allInOne()}
	if err := graph.Check(n.everyStep()); err != nil {
		t.Error(err)
	}
}

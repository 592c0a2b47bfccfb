// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"errors"
	"testing"

	"macaw.example/internal/graph"
	"macaw.example/internal/nodeapi"
)

func TestSteps(t *testing.T) {
	for name, s := range specs() {
		if err := graph.Check((&node{spec: s}).steps()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// On a node with every role, no need may have been dropped as another node's.
	for _, name := range []string{"all-in-one", "all-and-others"} {
		n := &node{spec: specs()[name]}
		if err := graph.Check(n.everyStep()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Without a certificate by ACME, which may take days of an operator's, everything else runs; only whoever
// waits for HTTPS has to wait.
func TestWithoutDomainCertificate(t *testing.T) {
	n := &node{spec: allInOne()}
	n.spec.Management.ACME = &nodeapi.ACME{}
	ran := map[string]bool{}
	steps := n.steps()
	for i, s := range steps {
		steps[i].Run = func(context.Context) error {
			ran[s.Name] = true
			if s.Name == "domain certificate" {
				return errors.New("no A record")
			}
			return nil
		}
	}
	_ = graph.Run(t.Context(), steps, graph.Options{Width: 1})
	for _, s := range steps {
		waits := s.Name == "served certificates" || s.Name == nodeapi.StepServing
		if ran[s.Name] == waits {
			t.Errorf("%s ran: %t", s.Name, ran[s.Name])
		}
	}
}

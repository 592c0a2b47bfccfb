// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"testing"

	"macaw.example/internal/deploy"
	"macaw.example/internal/drain"
	"macaw.example/internal/infra"
	"macaw.example/internal/jsonstyle"
	"macaw.example/internal/neutron"
	"macaw.example/internal/nodeapi"
	"macaw.example/internal/preflight"
)

// Results have fields of one style: see jsonstyle.
func TestJSONStyle(t *testing.T) {
	for _, problem := range jsonstyle.Problems(
		summary{}, infra.Plan{}, deploy.Status{}, deploy.VerifyResult{}, deploy.DownResult{}, deploy.BakeResult{},
		nodeapi.Status{}, deploy.Env{}, drain.Result{}, enabledNode{}, []preflight.Check{}, []neutron.Forward{},
		addedForward{}, neutron.RemovedForward{}, cleaned{}, nodeapi.Overview{},
	) {
		t.Error(problem)
	}
}

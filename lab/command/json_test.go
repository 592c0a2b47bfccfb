// SPDX-License-Identifier: Apache-2.0

package command

import (
	"testing"

	"macaw.example/internal/jsonstyle"
	"macaw.example/lab/internal/account"
	"macaw.example/lab/internal/conform"
	"macaw.example/lab/internal/control"
	"macaw.example/lab/internal/faults"
)

// Results have fields of one style: see jsonstyle.
func TestJSONStyle(t *testing.T) {
	for _, problem := range jsonstyle.Problems(
		status{}, account.Settings{}, down{}, rebooted{}, faults.Plan{}, control.Drops{}, control.Followed{}, control.Flow{},
		[]conform.Check{}, conform.Report{}, []conform.Leftover{},
	) {
		t.Error(problem)
	}
}

// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"
	"fmt"
	"time"

	"macaw.example/internal/hint"
	"macaw.example/internal/infra"
	"macaw.example/internal/model"
	"macaw.example/internal/nodeapi"
)

// An operator may have switched the translation off on purpose, so Up leaves it off. But a cloud
// without it is no working cloud: Up and Status report it, and Verify does not begin.

// translationOff is the code of the finding that the translation is switched off.
const translationOff model.Code = "translation-off"

// findingsOf returns the problems of a node that answered.
func (d *Deployment) findingsOf(n infra.NodeOutput, st nodeapi.Status) []model.Finding {
	var all []model.Finding
	if st.Mode == nodeapi.ModeOff {
		all = append(all, d.offFinding(n))
	}
	if st.Report != nil {
		all = append(all, st.Report.Findings...)
	}
	if st.Machine != nil {
		all = append(all, d.machineFindings(n, *st.Machine, time.Now())...)
	}
	return all
}

func (d *Deployment) offFinding(n infra.NodeOutput) model.Finding {
	return model.Finding{
		Code: translationOff,
		Text: fmt.Sprintf("the translation of %s is switched off, so AWS drops the traffic of its guests", n.Name),
		Hint: d.switchOn() + " switches it on",
	}
}

// switchOn is the command that switches the translation on.
func (d *Deployment) switchOn() string { return "macaw agent on " + d.Cloud.FileName() }

// isOff reports whether a node's translation is switched off.
func (d *Deployment) isOff(ctx context.Context, n infra.NodeOutput, h Node) (bool, error) {
	var st nodeapi.Status
	err := d.await(phaseHost, "ask "+n.Name+" about its translation", func() (err error) {
		st, err = d.readStatus(ctx, n, h)
		return err
	})
	return st.Mode == nodeapi.ModeOff, err
}

// switchedOff returns the gateways whose translation is switched off.
func (d *Deployment) switchedOff(ctx context.Context, w *ways) (off []infra.NodeOutput, err error) {
	err = w.onGateways(ctx, "", func(ctx context.Context, n infra.NodeOutput, h Node) error {
		is, err := d.isOff(ctx, n, h)
		if is {
			off = append(off, n)
		}
		return err
	})
	return off, err
}

// errOff is the error of a verification while the translation is switched off.
func (d *Deployment) errOff(n infra.NodeOutput) error {
	return hint.With(fmt.Errorf("the translation of %s is switched off: no guest can be reached", n.Name),
		"%s", d.switchOn())
}

// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"fmt"
	"slices"

	"macaw.example/lab/internal/ec2"
)

// spotNotices are the faults that are notices.
var spotNotices = map[string]ec2.SpotNotice{SpotRebalance: ec2.SpotRebalance, SpotInterruption: ec2.SpotInterruption}

// spotTarget refuses an instance that gets no notices.
func spotTarget(w World, id string) error {
	all := w.Instances()
	at := slices.IndexFunc(all, func(o ec2.Instance) bool { return o.ID == id })
	switch {
	case at < 0:
		return fmt.Errorf("there is no instance %s", id)
	case !all[at].Spot:
		return fmt.Errorf("instance %s is not a Spot Instance", id)
	case all[at].State != "running":
		return fmt.Errorf("instance %s is %s", id, all[at].State)
	}
	return nil
}

// notifySpot has EC2 give the notices that are among the faults now and were not before, and take back the others. One
// whose instance is gone meanwhile is of no effect.
func (i *Injector) notifySpot(before, now []Fault) {
	w, _ := i.bound()
	if w == nil {
		return
	}
	for _, change := range []struct {
		faults, other []Fault
		on            bool
	}{{before, now, false}, {now, before, true}} {
		for _, f := range change.faults {
			notice, ok := spotNotices[f.Name]
			if !ok || slices.Contains(change.other, f) {
				continue
			}
			if err := w.NotifySpot(f.Target, notice, change.on); err != nil {
				i.cfg.Log.Warn("a Spot Instance's notice has no effect", "fault", f.Name, "err", err)
			}
		}
	}
}

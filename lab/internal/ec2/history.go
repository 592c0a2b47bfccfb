// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"slices"
	"time"

	"macaw.example/lab/internal/imds"
)

// moment is a model and the time at which it became the newest.
type moment struct {
	at    time.Time
	model *model
}

// The limits of the history: older models are dropped, and a lagging answer shows the
// oldest one left.
const (
	historyAge   = 2 * time.Minute
	historyCount = 256
)

// remember records the model that has become the newest. The caller holds the write
// lock.
func (s *State) remember(m *model) {
	now := s.cfg.Now()
	old := s.history.Load()
	var kept []moment
	if old != nil {
		kept = *old
	}
	// The last model before the horizon was the newest at the horizon.
	for len(kept) > 1 && (len(kept) >= historyCount || now.Sub(kept[1].at) > historyAge) {
		kept = kept[1:]
	}
	history := make([]moment, 0, len(kept)+1)
	history = append(append(history, kept...), moment{now, m})
	s.history.Store(&history)
}

// modelAt returns the model that was the newest at a time.
func (s *State) modelAt(at time.Time) *model {
	history := *s.history.Load()
	seen := history[0].model
	for _, m := range history {
		if m.at.After(at) {
			break
		}
		seen = m.model
	}
	return seen
}

// MetadataAt returns what Metadata returned at an earlier time. An instance that did
// not exist then is shown as it is now.
func (s *State) MetadataAt(eni string, at time.Time) (imds.Instance, bool) {
	former := s.view()
	former.model = s.modelAt(at)
	if m, ok := former.metadata(eni); ok {
		return m, true
	}
	return s.Metadata(eni)
}

// SubnetsIn are the subnets of an availability zone.
func (s *State) SubnetsIn(zone string) []string {
	var ids []string
	for _, sub := range byID(s.view().Subnets) {
		if sub.Zone == zone {
			ids = append(ids, sub.ID)
		}
	}
	return ids
}

// InstancesIn returns the pending and running instances of an availability zone.
func (s *State) InstancesIn(zone string) []string {
	var ids []string
	for _, i := range byID(s.view().Instances) {
		if i.Zone == zone && (i.State == stateRunning || i.State == statePending) {
			ids = append(ids, i.ID)
		}
	}
	return ids
}

// Zones are the region's availability zones.
func (s *State) Zones() []string { return slices.Clone(s.cfg.Zones) }

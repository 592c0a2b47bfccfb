// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"time"

	"macaw.example/lab/internal/imds"
)

// History is a metadata source that keeps past states. *ec2.State implements it.
type History interface {
	imds.Source
	MetadataAt(eni string, at time.Time) (imds.Instance, bool)
}

type lagging struct {
	by *Injector
	of History
}

// Metadata returns a source that applies the lag of the metadata service.
func (i *Injector) Metadata(of History) imds.Source { return lagging{i, of} }

// Metadata returns a past state of an instance, never older than the one it returned last.
func (l lagging) Metadata(eni string) (imds.Instance, bool) {
	at, lags := l.by.shownAt(eni)
	if !lags {
		return l.of.Metadata(eni)
	}
	return l.of.MetadataAt(eni, at)
}

func (i *Injector) shownAt(eni string) (time.Time, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	f, on := i.plan.one(IMDSLag)
	if !on {
		return time.Time{}, false
	}
	at := i.cfg.Now().Add(-f.between(i.dice(IMDSLag, eni)))
	if last := i.metadata[eni]; last.After(at) {
		at = last
	}
	i.metadata[eni] = at
	return at, true
}

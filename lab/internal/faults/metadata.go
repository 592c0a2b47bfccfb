// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"time"

	"macaw.example/lab/internal/imds"
)

// History is a source of metadata that remembers. *ec2.State is one.
type History interface {
	imds.Source
	MetadataAt(eni string, at time.Time) (imds.Instance, bool)
}

type lagging struct {
	by *Injector
	of History
}

// Metadata puts the lag of the metadata service before its source.
func (i *Injector) Metadata(of History) imds.Source { return lagging{i, of} }

// Metadata shows an instance as it was, but never as it was before it was shown
// last.
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

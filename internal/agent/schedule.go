// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"math"
	"time"
)

// alarm fires at the earliest of the times that it was set to. It is in one of two
// states: set, with the timer running or its tick waiting in C, or not set. The receiver
// of the tick calls fired, and from then on any time counts again.
type alarm struct {
	C     <-chan time.Time
	timer *time.Timer
	at    time.Time // zero: not set
}

func newAlarm() *alarm {
	t := time.NewTimer(math.MaxInt64)
	return &alarm{C: t.C, timer: t}
}

// set makes it fire at a time, unless it fires before. It never puts it off: calls
// without a pause would do so for ever.
func (a *alarm) set(at time.Time) {
	if a.at.IsZero() || at.Before(a.at) {
		a.at = at
		a.timer.Reset(time.Until(at))
	}
}

func (a *alarm) fired() { a.at = time.Time{} }

func (a *alarm) stop() {
	a.timer.Stop()
	a.at = time.Time{}
}

// querySchedule is when Neutron is queried. Either a query is under way, and its answer,
// which comes in any case (see query), sets the time of the next one; or the alarm is
// set. There is no third state, in which there would be no query any more.
type querySchedule struct {
	*alarm
	querying bool
	// requested is when another query was requested while one was under way, which may
	// have begun before the occasion for the request. Zero: there is none.
	requested time.Time
}

// newQuerySchedule begins with a query now.
func newQuerySchedule() *querySchedule {
	s := &querySchedule{alarm: newAlarm()}
	s.set(time.Now())
	return s
}

// noLaterThan requests a query by a time, later only if one is still under way then.
func (s *querySchedule) noLaterThan(at time.Time) {
	switch {
	case !s.querying:
		s.set(at)
	case s.requested.IsZero() || at.Before(s.requested):
		s.requested = at
	}
}

// untilNext is how far away the next query is, as far as is known.
func (s *querySchedule) untilNext(now time.Time) time.Duration {
	at := s.at
	if s.querying {
		at = s.requested
	}
	if at.IsZero() {
		return math.MaxInt64
	}
	return at.Sub(now)
}

// began notes that the alarm fired and a query is under way.
func (s *querySchedule) began() {
	s.fired()
	s.querying = true
}

// ended notes that the query was answered. The next one is due by next; a requested one
// may come sooner, but not before a pause.
func (s *querySchedule) ended(next time.Time, pause time.Duration) {
	if !s.requested.IsZero() {
		at := s.requested
		if soonest := time.Now().Add(pause); at.Before(soonest) {
			at = soonest
		}
		if at.Before(next) {
			next = at
		}
	}
	s.querying, s.requested = false, time.Time{}
	s.set(next)
}

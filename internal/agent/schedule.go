package agent

import (
	"math"
	"time"
)

// alarm rings at the earliest of the times that it was set to. It is in one of two
// states: set, with the timer running or its tick waiting in C, or not set. Whoever
// takes the tick calls rang, and from then on any time counts anew.
type alarm struct {
	C     <-chan time.Time
	timer *time.Timer
	at    time.Time // zero: not set
}

func newAlarm() *alarm {
	t := time.NewTimer(math.MaxInt64)
	return &alarm{C: t.C, timer: t}
}

// set makes it ring at a time, unless it rings before. It never puts it off: what
// comes without a pause would do so for ever.
func (a *alarm) set(at time.Time) {
	if a.at.IsZero() || at.Before(a.at) {
		a.at = at
		a.timer.Reset(time.Until(at))
	}
}

func (a *alarm) rang() { a.at = time.Time{} }

func (a *alarm) stop() {
	a.timer.Stop()
	a.at = time.Time{}
}

// schedule says when Neutron is asked. Either a question is under way, and its
// answer, which comes in any case (see look), sets the time of the next one; or the
// alarm is set. There is no third state, in which nobody would ask any more.
type schedule struct {
	*alarm
	asking bool
	// wished is when somebody wanted another question while one was under way, which
	// may have been asked before what gave rise to the wish. Zero: nobody did.
	wished time.Time
}

// newSchedule begins with a question now.
func newSchedule() *schedule {
	s := &schedule{alarm: newAlarm()}
	s.set(time.Now())
	return s
}

// by makes the next question be asked at a time at the latest, but for the one that
// is under way then.
func (s *schedule) by(at time.Time) {
	switch {
	case !s.asking:
		s.set(at)
	case s.wished.IsZero() || at.Before(s.wished):
		s.wished = at
	}
}

// ahead is how far away the next question is, as far as is known.
func (s *schedule) ahead(now time.Time) time.Duration {
	at := s.at
	if s.asking {
		at = s.wished
	}
	if at.IsZero() {
		return math.MaxInt64
	}
	return at.Sub(now)
}

// ask notes that the alarm rang and a question is under way.
func (s *schedule) ask() {
	s.rang()
	s.asking = true
}

// answered notes that it was answered. The next one comes at a time at the latest,
// and if somebody wished for one no sooner than after a pause.
func (s *schedule) answered(next time.Time, pause time.Duration) {
	if soonest := time.Now().Add(pause); !s.wished.IsZero() && s.wished.Before(soonest) {
		s.wished = soonest
	}
	if !s.wished.IsZero() && s.wished.Before(next) {
		next = s.wished
	}
	s.asking, s.wished = false, time.Time{}
	s.set(next)
}

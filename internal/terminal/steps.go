// SPDX-License-Identifier: Apache-2.0

package terminal

import (
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// Patience is how long a step may take before it is announced: what is quicker
// is shown once, when it is done.
const Patience = 2 * time.Second

// Steps shows what a command does while it does it: one line for each step
// with the time since the command began and the time the step took. It is safe
// for use by steps that run side by side.
type Steps struct {
	mu    sync.Mutex
	out   io.Writer
	begun time.Time
	quiet bool
	took  []Timing
	// unfinished are the steps that have begun and not ended well.
	unfinished []string
}

// Timing says how long one step of a phase took.
type Timing struct {
	Phase   string  `json:"phase"`
	Step    string  `json:"step"`
	Start   float64 `json:"start_seconds"` // since the command began
	Seconds float64 `json:"seconds"`
}

// NewSteps shows steps on out, unless quiet, and counts the time from now on.
func NewSteps(out io.Writer, quiet bool) *Steps {
	return &Steps{out: out, begun: time.Now(), quiet: quiet}
}

// Start announces a step and returns the function that ends it. A step that
// fails is shown as failed; its error is the caller's to report.
func (s *Steps) Start(phase, step string) (done func(error)) { return s.begin(phase, step, true) }

func (s *Steps) begin(phase, step string, show bool) (done func(error)) {
	start := time.Now()
	s.mu.Lock()
	s.unfinished = append(s.unfinished, step)
	s.mu.Unlock()
	timer := time.AfterFunc(Patience, func() { s.Line(start.Add(Patience), "…", phase, step, "") })
	return func(err error) {
		show = !timer.Stop() || show
		took := time.Since(start)
		mark := "✓"
		if err != nil {
			mark = "✗"
		}
		if show {
			s.Line(time.Now(), mark, phase, step, Seconds(took))
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if i := slices.Index(s.unfinished, step); i >= 0 && err == nil {
			s.unfinished = slices.Delete(s.unfinished, i, i+1)
		}
		if !show {
			return
		}
		s.took = append(s.took, Timing{Phase: phase, Step: step, Start: start.Sub(s.begun).Seconds(),
			Seconds: took.Seconds()})
	}
}

// Begin is Start for a step that is only shown if it takes long.
func (s *Steps) Begin(phase, step string) (done func(error)) { return s.begin(phase, step, false) }

// Do runs fn as a step.
func (s *Steps) Do(phase, step string, fn func() error) error {
	done := s.Start(phase, step)
	err := fn()
	done(err)
	return err
}

// Await runs fn as a step that is only shown if it takes long: in a command that
// has little else to do, what is quick is of no interest.
func (s *Steps) Await(phase, step string, fn func() error) error {
	done := s.begin(phase, step, false)
	err := fn()
	done(err)
	return err
}

// Unfinished returns the steps that are under way, and those that failed.
func (s *Steps) Unfinished() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.unfinished)
}

// Note shows a line that is no step.
func (s *Steps) Note(phase, text string) { s.Line(time.Now(), "·", phase, text, "") }

// Timings returns the steps that have ended, in the order in which they did.
func (s *Steps) Timings() []Timing {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Timing(nil), s.took...)
}

// Elapsed is the time since the command began.
func (s *Steps) Elapsed() time.Duration { return time.Since(s.begun) }

// Line shows a line as that of a step: at, a mark, the phase, a text, and how long
// it took if that is not empty.
func (s *Steps) Line(at time.Time, mark, phase, step, took string) {
	if s.quiet {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.out, "%7s %s %-9s %s", Seconds(at.Sub(s.begun)), mark, phase, step)
	if took != "" {
		fmt.Fprintf(s.out, "  %s", took)
	}
	fmt.Fprintln(s.out)
}

// Seconds shows a duration with the precision that its size deserves.
func Seconds(d time.Duration) string {
	if d >= 10*time.Minute {
		return d.Round(time.Second).String()
	}
	return fmt.Sprintf("%.1fs", d.Seconds())
}

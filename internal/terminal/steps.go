// SPDX-License-Identifier: Apache-2.0

package terminal

import (
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// Patience is how long a step may take before its start is shown. A quicker one is shown only at
// its end.
const Patience = 2 * time.Second

// Steps shows a command's progress: one line for each step with the time since the command began
// and the step's duration. It is safe for concurrent use.
type Steps struct {
	mu    sync.Mutex
	out   io.Writer
	begun time.Time
	quiet bool
	took  []Timing
	// unfinished are the steps that have started and not succeeded.
	unfinished []string
}

// Timing is the duration of one step of a phase.
type Timing struct {
	Phase   string  `json:"phase"`
	Step    string  `json:"step"`
	Start   float64 `json:"startSeconds"` // since the command began
	Seconds float64 `json:"seconds"`
}

// NewSteps shows steps on out, unless quiet, and measures time from now on.
func NewSteps(out io.Writer, quiet bool) *Steps {
	return &Steps{out: out, begun: time.Now(), quiet: quiet}
}

// Start shows a step's start and returns the function that ends it. A failed step is shown as
// failed; the caller reports its error.
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

// Await runs fn as a step that is only shown if it takes long, for commands with few other steps.
func (s *Steps) Await(phase, step string, fn func() error) error {
	done := s.begin(phase, step, false)
	err := fn()
	done(err)
	return err
}

// Unfinished returns the steps that are under way or have failed.
func (s *Steps) Unfinished() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.unfinished)
}

// Note shows a message that is not a step.
func (s *Steps) Note(phase, text string) { s.Line(time.Now(), "·", phase, text, "") }

// Timings returns the ended steps, in the order of their ends.
func (s *Steps) Timings() []Timing {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Timing(nil), s.took...)
}

// Elapsed is the time since the command began.
func (s *Steps) Elapsed() time.Duration { return time.Since(s.begun) }

// Line shows a line in the form of a step: the time, a mark, the phase, a text, and the duration if
// took is not empty.
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

// Seconds formats a duration, with a precision that suits its size.
func Seconds(d time.Duration) string {
	if d >= 10*time.Minute {
		return d.Round(time.Second).String()
	}
	return fmt.Sprintf("%.1fs", d.Seconds())
}

package cli

import (
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// patience is how long a step may take before it is announced: what is quicker
// is shown once, when it is done.
const patience = 2 * time.Second

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

// Timing says how long one step of a room took.
type Timing struct {
	Room    string  `json:"room"`
	Step    string  `json:"step"`
	Start   float64 `json:"start_seconds"` // since the command began
	Seconds float64 `json:"seconds"`
}

func newSteps(out io.Writer, quiet bool) *Steps {
	return &Steps{out: out, begun: time.Now(), quiet: quiet}
}

// Start announces a step and returns the function that ends it. A step that
// fails is shown as failed; its error is the caller's to report.
func (s *Steps) Start(room, step string) (done func(error)) { return s.start(room, step, true) }

func (s *Steps) start(room, step string, show bool) (done func(error)) {
	start := time.Now()
	s.mu.Lock()
	s.unfinished = append(s.unfinished, step)
	s.mu.Unlock()
	timer := time.AfterFunc(patience, func() { s.line(start.Add(patience), "…", room, step, "") })
	return func(err error) {
		show = !timer.Stop() || show
		took := time.Since(start)
		mark := "✓"
		if err != nil {
			mark = "✗"
		}
		if show {
			s.line(time.Now(), mark, room, step, seconds(took))
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if i := slices.Index(s.unfinished, step); i >= 0 && err == nil {
			s.unfinished = slices.Delete(s.unfinished, i, i+1)
		}
		if !show {
			return
		}
		s.took = append(s.took, Timing{Room: room, Step: step, Start: start.Sub(s.begun).Seconds(), Seconds: took.Seconds()})
	}
}

// Do runs fn as a step.
func (s *Steps) Do(room, step string, fn func() error) error {
	done := s.Start(room, step)
	err := fn()
	done(err)
	return err
}

// Await runs fn as a step that is only shown if it takes long: in a command that
// has little else to do, what is quick is of no interest.
func (s *Steps) Await(room, step string, fn func() error) error {
	done := s.start(room, step, false)
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
func (s *Steps) Note(room, text string) { s.line(time.Now(), "·", room, text, "") }

// Timings returns the steps that have ended, in the order in which they did.
func (s *Steps) Timings() []Timing {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Timing(nil), s.took...)
}

// Elapsed is the time since the command began.
func (s *Steps) Elapsed() time.Duration { return time.Since(s.begun) }

func (s *Steps) line(at time.Time, mark, room, step, took string) {
	if s.quiet {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.out, "%7s %s %-9s %s", seconds(at.Sub(s.begun)), mark, room, step)
	if took != "" {
		fmt.Fprintf(s.out, "  %s", took)
	}
	fmt.Fprintln(s.out)
}

// seconds shows a duration with the precision that its size deserves.
func seconds(d time.Duration) string {
	if d >= 10*time.Minute {
		return d.Round(time.Second).String()
	}
	return fmt.Sprintf("%.1fs", d.Seconds())
}

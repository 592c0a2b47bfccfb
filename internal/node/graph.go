package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// step is one unit of work in a graph of them.
type step struct {
	name  string
	needs []string
	run   func(context.Context) error
}

// errNothingToDo is returned by a step that found everything as it should be.
var errNothingToDo = errors.New("nothing to do")

// runGraph runs every step as soon as all it needs have ended well, and returns when none can run any more.
// A failed step does not stop its siblings: their work is kept, and the next run has less to do.
func runGraph(ctx context.Context, steps []step, progress Progress) error {
	if err := checkGraph(steps); err != nil {
		return err
	}
	var (
		begin   = time.Now()
		mu      sync.Mutex
		errs    []error
		waiting sync.WaitGroup
		done    = map[string]chan struct{}{}
		ok      = map[string]bool{}
	)
	report := func(e Event) {
		e.At = time.Since(begin)
		if progress != nil {
			progress(e)
		}
	}
	for _, s := range steps {
		done[s.name] = make(chan struct{})
	}
	for _, s := range steps {
		waiting.Go(func() {
			defer close(done[s.name])
			var after string // the need that ended last: following it back gives the slowest path
			for _, n := range s.needs {
				select {
				case <-done[n]:
				default:
					<-done[n]
					after = n
				}
			}
			mu.Lock()
			for _, n := range s.needs {
				if !ok[n] {
					report(Event{Step: s.name, State: Skipped, After: n})
					mu.Unlock()
					return
				}
			}
			report(Event{Step: s.name, State: Started, After: after})
			mu.Unlock()
			start := time.Now()
			err := ctx.Err()
			if err == nil {
				err = s.run(ctx)
			}
			mu.Lock()
			defer mu.Unlock()
			e := Event{Step: s.name, State: Done, Took: time.Since(start), After: after}
			switch {
			case errors.Is(err, errNothingToDo):
				e.State = Skipped
			case err != nil:
				e.State, e.Err = Failed, err
				errs = append(errs, fmt.Errorf("%s: %w", s.name, err))
			}
			ok[s.name] = e.State != Failed
			report(e)
		})
	}
	waiting.Wait()
	return errors.Join(errs...)
}

// checkGraph finds names that occur twice, needs that nobody meets, and circles.
func checkGraph(steps []step) error {
	needs := map[string][]string{}
	for _, s := range steps {
		if _, twice := needs[s.name]; twice {
			return fmt.Errorf("step %q occurs twice", s.name)
		}
		needs[s.name] = s.needs
	}
	var visit func(name string, path []string) error
	clean := map[string]bool{}
	visit = func(name string, path []string) error {
		if clean[name] {
			return nil
		}
		if slices.Contains(path, name) {
			return fmt.Errorf("steps need each other: %s", strings.Join(append(path, name), " -> "))
		}
		for _, n := range needs[name] {
			if _, known := needs[n]; !known {
				return fmt.Errorf("step %q needs %q, which does not exist", name, n)
			}
			if err := visit(n, append(path, name)); err != nil {
				return err
			}
		}
		clean[name] = true
		return nil
	}
	for _, s := range steps {
		if err := visit(s.name, nil); err != nil {
			return err
		}
	}
	return nil
}

// SPDX-License-Identifier: Apache-2.0

package conform

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

// Config says which AWS is asked, and how.
type Config struct {
	EC2 EC2
	// Wire sends requests that no SDK would.
	Wire Wire
	// Run names the run, in the tag macaw:conform of all that it makes.
	Run string
	// Patience is how long what a call changed may stay invisible; 60 s unless
	// given.
	Patience time.Duration
	// Width is how many checks run side by side; 4 unless given.
	Width int
	// Program is this program's file, which the data plane's checks copy to the
	// instances, and Agent the arguments that make it the agent.
	Program string
	Agent   []string
	// hands reach the machines, by SSH unless given.
	hands hands
	// Done is told each result as it comes, if not nil.
	Done func(Result)
	// Step is told what else takes time, if not nil; it returns the function
	// that is told the step's end.
	Step func(what string) func(error)
}

// NewRun makes a name for a run.
func NewRun() string {
	var b [5]byte
	rand.Read(b[:]) // never fails, by its documentation
	return hex.EncodeToString(b[:])
}

// elasticShare is how many Elastic IPs a run uses at once: an account has five
// unless it asked for more, and may need some of them.
const elasticShare = 3

// suite is what the checks of one run share.
type suite struct {
	cfg Config
	EC2
	share    *semaphore.Weighted // of Elastic IPs
	sites    sites
	machines machines
}

// Run makes the VPCs, carries out the checks and returns their results in the
// order of checks. It removes what it made even when ctx ends before; the error
// is of setting up or removing, or ctx's.
func Run(ctx context.Context, cfg Config, checks []Check) (Report, error) {
	if cfg.Patience == 0 {
		cfg.Patience = time.Minute
	}
	if cfg.Width == 0 {
		cfg.Width = 4
	}
	if cfg.Done == nil {
		cfg.Done = func(Result) {}
	}
	if cfg.Step == nil {
		cfg.Step = func(string) func(error) { return func(error) {} }
	}
	s := &suite{cfg: cfg, EC2: cfg.EC2, share: semaphore.NewWeighted(elasticShare)}
	s.machines.hands = cfg.hands
	report := Report{Run: cfg.Run, Region: cfg.Wire.Region, Endpoint: cfg.Wire.endpoint("ec2"), Begun: time.Now()}
	var err error
	report.Results, err = s.all(ctx, checks)
	// The user who ends the run wants what it made removed, and not to wait
	// for ever.
	removing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 15*time.Minute)
	defer cancel()
	s.machines.close()
	done := cfg.Step("remove what the run made")
	removed := Clean(removing, cfg.EC2, cfg.Run)
	done(removed)
	report.Seconds = time.Since(report.Begun).Seconds()
	return report, errors.Join(err, removed, ctx.Err())
}

// all carries out the checks: those of the API first, for they share the few
// Elastic IPs with the machines of the data plane.
func (s *suite) all(ctx context.Context, checks []Check) ([]Result, error) {
	done := s.cfg.Step("make a VPC")
	err := s.setUp(ctx)
	done(err)
	if err != nil {
		return nil, fmt.Errorf("setting up: %w", err)
	}
	results := map[string]*Result{}
	for _, dataPlane := range []bool{false, true} {
		phase := slices.DeleteFunc(slices.Clone(checks), func(c Check) bool { return c.DataPlane != dataPlane })
		width := s.cfg.Width
		if dataPlane {
			width = 1 // they listen for each other's frames
		}
		s.phase(ctx, phase, width, results)
	}
	var all []Result
	for _, c := range checks {
		all = append(all, *results[c.ID])
	}
	return all, nil
}

// phase carries out checks side by side, each after those that it needs.
func (s *suite) phase(ctx context.Context, checks []Check, width int, results map[string]*Result) {
	var wg sync.WaitGroup
	room := make(chan struct{}, width)
	finished := map[string]chan struct{}{}
	for _, c := range checks {
		finished[c.ID] = make(chan struct{})
	}
	var mu sync.Mutex
	for _, c := range checks {
		wg.Go(func() {
			defer close(finished[c.ID])
			for _, need := range c.Needs {
				if done := finished[need]; done != nil {
					<-done
				}
			}
			mu.Lock()
			lacking := slices.DeleteFunc(slices.Clone(c.Needs), func(id string) bool {
				r := results[id]
				return r != nil && (r.Status == Passed || r.Status == Observed)
			})
			mu.Unlock()
			room <- struct{}{}
			defer func() { <-room }()
			var r Result
			switch {
			case ctx.Err() != nil:
				r = Result{Check: c, Status: Skipped, Problem: "the run was ended"}
			case len(lacking) > 0:
				r = Result{Check: c, Status: Skipped, Problem: "needs " + strings.Join(lacking, ", ")}
			default:
				r = s.check(ctx, c)
			}
			mu.Lock()
			results[c.ID] = &r
			s.cfg.Done(r)
			mu.Unlock()
		})
	}
	wg.Wait()
}

// attempts is how often a check is carried out that breaks over something it
// has just made and that AWS does not know everywhere yet.
const attempts = 3

func (s *suite) check(ctx context.Context, c Check) Result {
	begun := time.Now()
	r := Result{Check: c}
	for attempt := 1; ; attempt++ {
		err := s.attempt(ctx, &r)
		var failure *Failure
		switch {
		case err == nil && c.Confidence == Unknown:
			r.Status = Observed
		case err == nil:
			r.Status = Passed
		case errors.As(err, &failure):
			r.Status, r.Expected, r.Seen = Failed, failure.Expected, failure.Seen
		case ctx.Err() != nil:
			r.Status, r.Problem = Skipped, "the run was ended"
		case strings.HasSuffix(code(err), ".NotFound") && attempt < attempts:
			continue
		default:
			r.Status, r.Problem = Broken, err.Error()
		}
		r.Seconds = time.Since(begun).Seconds()
		return r
	}
}

// checkTime bounds one attempt at a check, machines booting included.
const checkTime = 10 * time.Minute

func (s *suite) attempt(ctx context.Context, r *Result) error {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	b := &bench{suite: s, ctx: ctx, check: r.ID}
	defer b.returnElasticIPs()
	err := b.carryOut(r.run)
	r.Observations = b.observations
	return err
}

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
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

// Config selects the AWS to test, and sets how.
type Config struct {
	EC2 EC2
	// Wire sends requests that the SDK would not.
	Wire Wire
	// Run is the run's name, in the tag macaw:conform on all its resources.
	Run string
	// Patience is how long a change may stay invisible; default 60 s.
	Patience time.Duration
	// Width is the number of checks that run side by side; default 4.
	Width int
	// Program is this program's file, which data-plane checks copy to the instances;
	// Agent holds the arguments that make it the agent.
	Program string
	Agent   []string
	// hands reaches the machines; default SSH.
	hands hands
	// Done, if not nil, receives each result as soon as it is known.
	Done func(Result)
	// Step, if not nil, is called at the start of other lengthy steps; it returns the
	// function to call at the step's end.
	Step func(what string) func(error)
}

// NewRun returns a new name for a run.
func NewRun() string {
	var b [5]byte
	rand.Read(b[:]) // never fails, by its documentation
	return hex.EncodeToString(b[:])
}

// elasticShare is the number of Elastic IPs that a run uses at once: the default quota
// of an account is five, and its owner may need some.
const elasticShare = 3

// suite is the state that the checks of one run share.
type suite struct {
	cfg Config
	EC2
	share    *semaphore.Weighted // of Elastic IPs
	sites    sites
	machines machines
	listable atomic.Bool // the caller may list what checks make in IAM
}

// Run makes the VPCs, runs the checks and returns their results in the order of checks.
// It removes its resources even if ctx ends early. The error is from setup or removal,
// or ctx's.
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
	// A user who cancels the run wants its resources removed, but not to wait forever.
	removing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 15*time.Minute)
	defer cancel()
	s.machines.close()
	done := cfg.Step("remove what the run made")
	removed := Clean(removing, cfg, cfg.Run)
	done(removed)
	report.Seconds = time.Since(report.Begun).Seconds()
	return report, errors.Join(err, removed, ctx.Err())
}

// all runs the checks, those of the API first: the data plane's machines take some of
// the few Elastic IPs.
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
			width = 1 // they would receive each other's frames
		}
		s.phase(ctx, phase, width, results)
	}
	var all []Result
	for _, c := range checks {
		all = append(all, *results[c.ID])
	}
	return all, nil
}

// phase runs checks side by side, each after those that it needs.
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

// attempts is the maximum of attempts at a check that breaks on a new resource that is
// not visible everywhere on AWS yet.
const attempts = 3

func (s *suite) check(ctx context.Context, c Check) Result {
	begun := time.Now()
	r := Result{Check: c}
	for attempt := 1; ; attempt++ {
		err := s.attempt(ctx, &r)
		var failure *Failure
		var skip *inapplicable
		switch {
		case errors.As(err, &skip):
			r.Status, r.Problem = Skipped, skip.reason
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

// checkTime bounds one attempt at a check, including the boot of machines.
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

// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"macaw.example/internal/hint"
	"macaw.example/internal/host"
	"macaw.example/internal/nodeapi"
)

// applyJob makes a machine the node of its spec.
var applyJob = host.Job{Name: "macaw-node-apply", Command: []string{nodeapi.Program, "apply"}}

// prepare gives a machine macaw-node. A job that an interrupted run has left may use another program and
// another spec: prepare waits for its end.
func (d *Deployment) prepare(ctx context.Context, h Node) error {
	if err := d.putProgram(ctx, h); err != nil {
		return err
	}
	return d.finish(ctx, h, applyJob)
}

// makeNode configures a machine that is prepared as the node of a spec. It returns how many steps changed
// something. It calls reached with [nodeapi.StepServing] and [nodeapi.StepGuests] once each, as soon as
// they are.
func (d *Deployment) makeNode(ctx context.Context, h Node, spec nodeapi.Spec, reached func(step string)) (changed int,
	err error) {
	told := map[string]bool{}
	tell := func(step string) {
		if !told[step] {
			told[step] = true
			reached(step)
		}
	}
	b, err := json.MarshalIndent(spec, "", "  ")
	if err != nil {
		return 0, err
	}
	if _, err := h.Put(ctx, nodeapi.SpecPath, b, 0o600); err != nil {
		return 0, err
	}
	changed, err = d.job(ctx, h, applyJob, tell)
	if err == nil { // also of a node's program that does not know these steps
		tell(nodeapi.StepServing)
		tell(nodeapi.StepGuests)
	}
	return changed, err
}

// putProgram copies macaw-node to a machine.
func (d *Deployment) putProgram(ctx context.Context, h Node) error {
	program := d.Program
	if program == nil {
		program = embeddedProgram
	}
	return d.do(phaseHost, "copy macaw-node", func() error {
		machine, err := h.Output(ctx, "uname -sm")
		if err != nil {
			return fmt.Errorf("asking the node for its architecture: %w", err)
		}
		if err := runsOn(machine); err != nil {
			return err
		}
		content, err := program()
		if err != nil {
			return err
		}
		_, err = h.PutContent(ctx, nodeapi.Program, content, 0o755)
		return err
	})
}

// runsOn returns an error unless macaw-node, which is built for linux/amd64, runs on a machine with
// this output of uname -sm.
func runsOn(machine string) error {
	if machine = strings.TrimSpace(machine); machine == "Linux x86_64" {
		return nil
	}
	return hint.With(
		fmt.Errorf("the node is %s, and macaw-node, which would be copied to it, is built for linux/amd64", machine),
		"give the node an instance type and an image of x86_64",
	)
}

// finish waits for the end of a job if it is running, whether it succeeds or fails.
func (d *Deployment) finish(ctx context.Context, h Node, job host.Job) error {
	active, err := h.Active(ctx, job)
	if err != nil || !active {
		return err
	}
	d.Progress.Note(phaseHost, "an earlier run of "+job.Name+" is under way; following it")
	_, err = d.follow(ctx, h, job, func(string) {})
	var failed *jobError
	if errors.As(err, &failed) || errors.Is(err, host.ErrLost) {
		return nil
	}
	return err
}

// job starts a job and follows it to its end.
func (d *Deployment) job(ctx context.Context, h Node, job host.Job, reached func(step string)) (changed int,
	err error) {
	started, err := h.Start(ctx, job)
	if err != nil {
		return 0, err
	}
	if !started {
		d.Progress.Note(phaseHost, "another process has started "+job.Name+" just now; following that run")
	}
	return d.follow(ctx, h, job, reached)
}

// jobError is a job that ran and failed.
type jobError struct{ job, text string }

func (e *jobError) Error() string { return e.job + ": " + e.text }

// follow shows the steps of a job's log and returns the job's result. It calls reached for the
// steps that others wait for.
func (d *Deployment) follow(ctx context.Context, h Node, job host.Job, reached func(step string)) (changed int,
	err error) {
	running := map[string]func(error){}
	result, stray := nodeapi.Line{}, ""
	err = h.Follow(ctx, job, func(line []byte) {
		var e nodeapi.Line
		if json.Unmarshal(line, &e) != nil {
			// Any other line may be the last words of a crashed program.
			stray = string(line)
			return
		}
		done := running[e.Step]
		switch {
		case e.Result != "":
			result = e
		case e.Note != "":
			d.Progress.Note(phaseNode, e.Note)
		case e.Step == nodeapi.StepServing || e.Step == nodeapi.StepGuests:
			if e.State == nodeapi.Done {
				reached(e.Step)
			}
		case e.State == nodeapi.Started:
			running[e.Step] = d.Progress.Start(phaseNode, e.Step)
		case done == nil:
		case e.State == nodeapi.Failed:
			done(errors.New(e.Error))
		case e.State == nodeapi.Done:
			changed++
			done(nil)
		default:
			done(nil)
		}
	})
	switch {
	case err != nil:
		return changed, err
	case result.Result == nodeapi.ResultOK:
		return changed, nil
	case result.Result == nodeapi.ResultFailed:
		var err error = &jobError{job.Name, result.Error}
		for _, text := range result.Hints {
			err = hint.With(err, "%s", text)
		}
		return changed, hint.With(err, "the node's log: journalctl, and /var/log/macaw/%s.log", job.Name)
	}
	return changed, fmt.Errorf("%s: %w: %s", job.Name, host.ErrLost, stray)
}

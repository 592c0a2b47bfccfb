// SPDX-License-Identifier: Apache-2.0

package drain

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"macaw.example/internal/hint"
)

// Options are options of Run and Evacuate. The zero value is good for both.
type Options struct {
	// Reason is shown with a node that takes no new guests.
	Reason string
	// Stop lets Run shut down a guest whose live migration has failed, move it, and start it again.
	Stop bool
	// File is the cloud file, for hints.
	File string
	// AtOnce is how many guests are on their way at a time: 2. Nova itself sends one at a time from each node
	// by live migration, and queues the others (nova.conf, max_concurrent_live_migrations).
	AtOnce int
	// Limit is how long one guest may take: an hour.
	Limit time.Duration
	// Step shows that a guest's move begins, and is called at its end; Note shows what is being waited for.
	Step func(what string) (done func(error))
	Note func(text string)
}

func (o Options) filled() Options {
	if o.AtOnce == 0 {
		o.AtOnce = 2
	}
	if o.Limit == 0 {
		o.Limit = time.Hour
	}
	if o.File == "" {
		o.File = "FILE"
	}
	if o.Step == nil {
		o.Step = func(string) func(error) { return func(error) {} }
	}
	if o.Note == nil {
		o.Note = func(string) {}
	}
	return o
}

const (
	// every is the interval of questions to Nova.
	every = 2 * time.Second
	// telling is the interval of notes about one wait.
	telling = 30 * time.Second
	// outage is how long Nova may fail to answer.
	outage = 2 * time.Minute
	// expiry is how long Nova calls a service up that does not report any more: service_down_time, a minute,
	// and some time for clocks.
	expiry = 90 * time.Second
)

// Run moves all guests of a node to other nodes. New ones do not come any more. Guests that stay are no
// error of Run, see [Result.Err].
func Run(ctx context.Context, n Nova, node string, o Options) (Result, error) {
	o = o.filled()
	w := &work{nova: n, node: node, o: o, verb: "move", decide: func(g Guest, failed map[How]string) move {
		return leave(g, node, failed, o.Stop)
	}}
	services, s, err := w.find(ctx)
	permitted := func(guests []Guest) error { return w.mayLeave(services, s, []string{node}, guests) }
	if err == nil {
		err = w.check(ctx, permitted)
	}
	if err == nil {
		err = w.shut(ctx, s)
	}
	if err != nil {
		return w.result(), err
	}
	res, err := w.all(ctx, permitted)
	if err == nil && res.Err() == nil && s.Up {
		err = w.cleared(ctx)
	}
	return res, err
}

// Check returns an error if a node has guests and none but these nodes, which are to be emptied together, can take
// them. It changes nothing. Names that Nova does not know as compute nodes are ignored.
func Check(ctx context.Context, n Nova, nodes []string, o Options) error {
	o = o.filled()
	for _, node := range nodes {
		w := &work{nova: n, node: node, o: o}
		services, s, err := w.find(ctx)
		if _, ok := errors.AsType[*NoNodeError](err); ok {
			continue
		}
		if err != nil {
			return err
		}
		permitted := func(guests []Guest) error { return w.mayLeave(services, s, nodes, guests) }
		if err := w.check(ctx, permitted); err != nil {
			return err
		}
	}
	return nil
}

// check calls permitted with the guests of the node, if there are any, and changes nothing.
func (w *work) check(ctx context.Context, permitted func([]Guest) error) error {
	guests, err := w.guests(ctx)
	if err != nil || len(guests) == 0 {
		return err
	}
	return permitted(guests)
}

// mayLeave returns an error if guests of the node cannot be moved to others than the nodes that are leaving.
func (w *work) mayLeave(services []Service, s Service, leaving []string, guests []Guest) error {
	if !s.Up {
		return hint.With(
			fmt.Errorf("moving guests from node %s: its nova-compute is down; on it: %s", w.node, names(guests)),
			"start the node; or, if it will not come back: macaw node evacuate %s %s", w.o.File, w.node,
		)
	}
	if elsewhere(services, leaving) {
		return nil
	}
	return w.nowhere(services, leaving, fmt.Errorf(
		"moving guests from node %s: no other compute node is up and takes guests; on it: %s", w.node, names(guests)))
}

// nowhere adds to an error what makes room for guests.
func (w *work) nowhere(services []Service, leaving []string, err error) error {
	for _, s := range services {
		if s.Up && !s.Enabled && !slices.Contains(leaving, s.Host) {
			return hint.With(err, "macaw node enable %s %s", w.o.File, s.Host)
		}
	}
	return hint.With(err, "start another compute node, or add one to %[1]s and run macaw up %[1]s", w.o.File)
}

// cleared waits until the node has nothing left of the guests that have moved. Nova keeps the records of
// migrations that a node has not ended, and then does not forget the node
// (nova/api/openstack/compute/services.py, delete).
func (w *work) cleared(ctx context.Context) error {
	show := sync.OnceValue(
		func() func(error) { return w.o.Step("wait until " + w.node + " has removed what moved away") },
	)
	waited := false
	for until := time.Now().Add(w.o.Limit); ; {
		var left []string
		err := patiently(ctx, func() (err error) {
			left, err = w.nova.Leaving(ctx, w.node)
			return err
		})
		if err != nil {
			return fmt.Errorf("listing migrations from node %s: %w", w.node, err)
		}
		if len(left) > 0 && time.Now().After(until) {
			err = fmt.Errorf("migrations from node %s are not done after %s, of the guests %s", w.node, w.o.Limit,
				strings.Join(left, ", "))
			show()(err)
			return err
		}
		if len(left) == 0 {
			if waited {
				show()(nil)
			}
			return nil
		}
		show()
		waited = true
		if err := pause(ctx); err != nil {
			show()(err)
			return err
		}
	}
}

// Close keeps new guests from a node, as Run does first. Whoever empties several nodes closes all of them
// before, or guests of one go to another.
func Close(ctx context.Context, n Nova, node string, o Options) error {
	w := &work{nova: n, node: node, o: o}
	_, s, err := w.find(ctx)
	if err != nil {
		return err
	}
	return w.shut(ctx, s)
}

func (w *work) shut(ctx context.Context, s Service) error {
	if !s.Enabled {
		return nil
	}
	if err := w.nova.Disable(ctx, s.ID, w.o.Reason); err != nil {
		return fmt.Errorf("keeping new guests from node %s: %w", w.node, err)
	}
	return nil
}

// Knows reports whether Nova has a compute node of this name. Its error names the guests on it, if there are any.
func Knows(ctx context.Context, n Nova, node string) (bool, error) {
	_, _, err := (&work{nova: n, node: node}).find(ctx)
	if _, ok := errors.AsType[*NoNodeError](err); ok {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	guests, err := n.Guests(ctx, node)
	if err != nil {
		return true, fmt.Errorf("listing the guests of node %s: %w", node, err)
	}
	if len(guests) > 0 {
		return true, &GuestsError{node, guests}
	}
	return true, nil
}

// GuestsError means that guests are on a node that should have none.
type GuestsError struct {
	Node   string
	Guests []Guest
}

func (e *GuestsError) Error() string {
	return fmt.Sprintf("guests are on node %s: %s", e.Node, names(e.Guests))
}

// Undo lets a node take guests again.
func Undo(ctx context.Context, n Nova, node string, o Options) error {
	o = o.filled()
	_, s, err := (&work{nova: n, node: node}).find(ctx)
	if err != nil {
		return err
	}
	if s.ForcedDown {
		// Nova refuses while the node's nova-compute has not removed the guests that were evacuated, which it does
		// when it starts (nova/api/openstack/compute/services.py, _check_for_evacuations).
		if err := n.ForceDown(ctx, s.ID, false); err != nil {
			return hint.With(fmt.Errorf("telling Nova that node %s is up again: %w", node, err),
				"macaw ssh %s %s -- sudo systemctl restart nova-compute, then again", o.File, node)
		}
	}
	if s.Enabled {
		return nil
	}
	if err := n.Enable(ctx, s.ID); err != nil {
		return fmt.Errorf("letting node %s take guests again: %w", node, err)
	}
	return nil
}

// work is a run on one node.
type work struct {
	nova   Nova
	node   string
	o      Options
	verb   string // what is done to a guest
	decide func(g Guest, failed map[How]string) move

	mu   sync.Mutex
	done []Outcome
}

// find returns all computes, and the node's.
func (w *work) find(ctx context.Context) (all []Service, s Service, err error) {
	if all, err = w.nova.Services(ctx); err != nil {
		return nil, s, fmt.Errorf("asking Nova for its compute nodes: %w", err)
	}
	var hosts []string
	for _, s := range all {
		if s.Host == w.node {
			return all, s, nil
		}
		hosts = append(hosts, s.Host)
	}
	return nil, s, &NoNodeError{w.node, hosts}
}

// NoNodeError means that Nova does not know a node as one that runs guests.
type NoNodeError struct {
	Node string
	All  []string // those that it knows
}

func (e *NoNodeError) Error() string { return "Nova has no compute node " + e.Node }

// Hint names those that there are.
func (e *NoNodeError) Hint() string { return "its compute nodes: " + strings.Join(e.All, ", ") }

// elsewhere reports whether guests can go to a node that is not leaving.
func elsewhere(all []Service, leaving []string) bool {
	return slices.ContainsFunc(all, func(s Service) bool {
		return s.Up && s.Enabled && !slices.Contains(leaving, s.Host)
	})
}

func names(guests []Guest) string {
	var all []string
	for _, g := range guests {
		all = append(all, fmt.Sprintf("%s of project %s (%s, %s)", g.Name, g.Project, g.ID, g.Status))
	}
	return strings.Join(all, ", ")
}

func (w *work) result() Result {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := Result{Node: w.node, Guests: append([]Outcome{}, w.done...)}
	r.sort()
	return r
}

func (w *work) guests(ctx context.Context) (guests []Guest, err error) {
	err = patiently(ctx, func() (err error) {
		guests, err = w.nova.Guests(ctx, w.node)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing the guests of node %s: %w", w.node, err)
	}
	return guests, nil
}

// all handles each guest of the node once, also those whose making began before the node was closed to new
// ones. It calls permitted before it touches the first.
func (w *work) all(ctx context.Context, permitted func([]Guest) error) (Result, error) {
	handled := map[string]bool{}
	for {
		guests, err := w.guests(ctx)
		if err != nil {
			return w.result(), err
		}
		guests = slices.DeleteFunc(guests, func(g Guest) bool { return handled[g.ID] })
		if len(guests) == 0 {
			return w.result(), nil
		}
		if len(handled) == 0 {
			if err := permitted(guests); err != nil {
				return w.result(), err
			}
		}
		g, each := errgroup.WithContext(ctx)
		g.SetLimit(w.o.AtOnce)
		for _, m := range plan(guests, func(g Guest) move { return w.decide(g, nil) }) {
			handled[m.Guest.ID] = true
			g.Go(func() error { return w.one(each, m.Guest) })
		}
		if err := g.Wait(); err != nil {
			return w.result(), err
		}
	}
}

// one handles a guest, shows that, and keeps its outcome. Its error ends the run.
func (w *work) one(ctx context.Context, g Guest) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	done := w.o.Step(fmt.Sprintf("%s %s of project %s", w.verb, g.Name, g.Project))
	out, err := w.guest(ctx, g)
	if err != nil {
		done(err)
		return fmt.Errorf("guest %s (%s): %w", g.Name, g.ID, err)
	}
	if out.Stayed != "" {
		done(errors.New(out.Stayed))
	} else {
		done(nil)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done = append(w.done, out)
	return nil
}

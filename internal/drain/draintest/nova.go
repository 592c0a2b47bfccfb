// SPDX-License-Identifier: Apache-2.0

// Package draintest has a Nova in memory for tests, which permits and refuses what Nova 31 does.
package draintest

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"macaw.example/internal/drain"
)

// Nova is a Nova. Its fields may be set before it is used, and from Called.
type Nova struct {
	Computes map[string]*drain.Service // by host
	Servers  map[string]*Server        // by ID
	// Takes is how long an action takes.
	Takes time.Duration
	// Fails has, by a guest's name and the action, why it fails after Nova has accepted it. [Nova.Refuses] has
	// what it does not accept.
	Fails   map[string]string
	Refuses map[string]error
	// Called, if not nil, is called after each call has taken effect; its error is the call's.
	Called func(ctx context.Context, what string) error
	// Alive are the hosts whose nova-compute reports, whatever Computes says of them.
	Alive map[string]bool

	mu    sync.Mutex
	Calls []string // those that change something
	// leaving has, by host and guest, until when the source of a live migration is busy with it.
	leaving map[string]map[string]time.Time
}

// Server is a guest, with what becomes of it.
type Server struct {
	drain.Guest
	due     time.Time // when the task under way ends
	then    func(*drain.Guest)
	failure string
	Moves   []string // hosts that it has been on, and what its owner would notice
}

// New returns a Nova with compute nodes that are up.
func New(hosts ...string) *Nova {
	n := &Nova{Computes: map[string]*drain.Service{}, Servers: map[string]*Server{}, Fails: map[string]string{},
		Refuses: map[string]error{}, Alive: map[string]bool{}, Takes: 7 * time.Second}
	for _, h := range hosts {
		n.Computes[h] = &drain.Service{ID: "service-" + h, Host: h, Up: true, Enabled: true, Changed: time.Now()}
		n.Alive[h] = true
	}
	return n
}

// Add adds a guest that is on a host, in a state as its status has it.
func (n *Nova) Add(name, host, status string) *Server {
	states := map[string]string{"SHUTOFF": "stopped", "VERIFY_RESIZE": "resized", "RESCUE": "rescued", "BUILD": "building"}
	s := &Server{Guest: drain.Guest{ID: "id-" + name, Name: name, Project: "tenant", Flavor: "m1.nano", Host: host,
		Status: status, State: cmp.Or(states[status], strings.ToLower(status))}}
	n.Servers[s.ID] = s
	return s
}

// Key is a key of Fails and Refuses.
func Key(guest string, how drain.How) string { return guest + ": " + string(how) }

// Die makes a host's nova-compute end: Nova notices after a minute.
func (n *Nova) Die(host string) {
	n.Alive[host] = false
	n.Computes[host].Changed = time.Now()
}

// settle does what is due.
func (n *Nova) settle() {
	for host, c := range n.Computes {
		if n.Alive[host] {
			c.Changed = time.Now().Truncate(10 * time.Second)
		}
		c.Up = !c.ForcedDown && time.Since(c.Changed) < time.Minute
	}
	for _, s := range n.Servers {
		if s.then != nil && !time.Now().Before(s.due) {
			then := s.then
			s.then, s.Task = nil, ""
			then(&s.Guest)
		}
	}
}

func (n *Nova) call(ctx context.Context, what string, fn func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.settle()
	err := fn()
	if what != "" && err == nil {
		n.Calls = append(n.Calls, what)
	}
	if n.Called != nil {
		if lost := n.Called(ctx, what); lost != nil {
			return lost
		}
	}
	return err
}

// Leaving implements [drain.Nova].
func (n *Nova) Leaving(ctx context.Context, host string) (ids []string, err error) {
	err = n.call(ctx, "", func() error {
		for id, until := range n.leaving[host] {
			if time.Now().Before(until) {
				ids = append(ids, id)
			}
		}
		return nil
	})
	return ids, err
}

// Services implements [drain.Nova].
func (n *Nova) Services(ctx context.Context) (all []drain.Service, err error) {
	err = n.call(ctx, "", func() error {
		for _, host := range slices.Sorted(maps.Keys(n.Computes)) {
			all = append(all, *n.Computes[host])
		}
		return nil
	})
	return all, err
}

func (n *Nova) change(ctx context.Context, what, id string, fn func(*drain.Service) error) error {
	return n.call(ctx, what+" "+id, func() error {
		for _, c := range n.Computes {
			if c.ID == id {
				return fn(c)
			}
		}
		return &drain.RefusedError{Message: "Service " + id + " not found.", Status: 404}
	})
}

// Disable implements [drain.Nova].
func (n *Nova) Disable(ctx context.Context, id, reason string) error {
	return n.change(ctx, "disable", id, func(c *drain.Service) error {
		c.Enabled, c.Reason = false, reason
		return nil
	})
}

// Enable implements [drain.Nova].
func (n *Nova) Enable(ctx context.Context, id string) error {
	return n.change(ctx, "enable", id, func(c *drain.Service) error {
		c.Enabled, c.Reason = true, ""
		return nil
	})
}

// ForceDown implements [drain.Nova].
func (n *Nova) ForceDown(ctx context.Context, id string, down bool) error {
	return n.change(ctx, "force down", id, func(c *drain.Service) error {
		c.ForcedDown = down
		return nil
	})
}

// Guests implements [drain.Nova].
func (n *Nova) Guests(ctx context.Context, host string) (all []drain.Guest, err error) {
	err = n.call(ctx, "", func() error {
		for _, id := range slices.Sorted(maps.Keys(n.Servers)) {
			if s := n.Servers[id]; s.Host == host || s.Unconfirmed.From == host {
				all = append(all, s.Guest)
			}
		}
		return nil
	})
	return all, err
}

// Guest implements [drain.Nova].
func (n *Nova) Guest(ctx context.Context, id string) (g drain.Guest, err error) {
	err = n.call(ctx, "", func() error {
		s := n.Servers[id]
		if s == nil {
			return drain.ErrNoGuest
		}
		g = s.Guest
		return nil
	})
	return g, err
}

// Delete removes a guest, as its owner may at any time: from Called, while the Nova is used.
func (n *Nova) Delete(name string) { delete(n.Servers, "id-"+name) }

// Act implements [drain.Nova].
func (n *Nova) Act(ctx context.Context, id string, how drain.How) error {
	what := Key(strings.TrimPrefix(id, "id-"), how)
	return n.call(ctx, what, func() error {
		s := n.Servers[id]
		if s == nil {
			return drain.ErrNoGuest
		}
		if err := n.Refuses[what]; err != nil {
			return err
		}
		return n.act(s, how)
	})
}

// act begins an action, if Nova permits it.
func (n *Nova) act(s *Server, how drain.How) error {
	permitted := map[drain.How][]string{
		drain.Live: {"ACTIVE", "PAUSED"}, drain.Cold: {"ACTIVE", "SHUTOFF"}, drain.Confirm: {"VERIFY_RESIZE"},
		drain.Offload: {"SHELVED"}, drain.Stop: {"ACTIVE"},
	}
	from := n.Computes[s.Host]
	if how == drain.Hurry {
		if s.Task != "migrating" {
			return &drain.RefusedError{Message: "Server is not being live migrated.", Status: 409}
		}
		s.due = time.Now().Add(time.Second)
		return nil
	}
	if how == drain.Revive {
		switch {
		case from.Up:
			return &drain.RefusedError{Message: "Compute service of " + s.Host + " is still in use.", Status: 400}
		case !slices.Contains([]string{"active", "stopped", "error"}, s.State):
			return &drain.RefusedError{Message: "Cannot 'evacuate' while it is in vm_state " + s.State, Status: 409}
		}
	} else if s.Task != "" || !slices.Contains(permitted[how], s.Status) {
		return &drain.RefusedError{Message: "Cannot do this while it is " + s.Status + " " + s.Task, Status: 409}
	}
	s.due, s.failure = time.Now().Add(n.Takes), ""
	if how == drain.Confirm {
		s.Unconfirmed = drain.Unconfirmed{}
		s.then = func(g *drain.Guest) { g.Status, g.State = was(g.State) }
		return nil
	}
	s.Task = map[drain.How]string{drain.Live: "migrating", drain.Cold: "resize_prep", drain.Offload: "shelving_offloading",
		drain.Revive: "rebuilding", drain.Stop: "powering-off"}[how]
	s.Evacuating = how == drain.Revive
	why := n.Fails[Key(s.Name, how)]
	to := n.pick(s.Host)
	if to == "" && how != drain.Offload && how != drain.Stop {
		why = "No valid host was found. There are not enough hosts available."
	}
	s.then = func(g *drain.Guest) {
		g.Evacuating = false
		if why != "" {
			s.failure = why
			return
		}
		n.arrive(s, g, how, to)
	}
	return nil
}

// arrive ends an action that has succeeded.
func (n *Nova) arrive(s *Server, g *drain.Guest, how drain.How, to string) {
	if how == drain.Stop {
		g.Status, g.State = "SHUTOFF", "stopped"
		s.Moves = append(s.Moves, "shut down")
		return
	}
	old := g.Host
	g.Host = to
	switch how {
	case drain.Live:
		if n.leaving == nil {
			n.leaving = map[string]map[string]time.Time{}
		}
		if n.leaving[old] == nil {
			n.leaving[old] = map[string]time.Time{}
		}
		n.leaving[old][g.ID] = time.Now().Add(n.Takes)
	case drain.Offload:
		g.Host, g.Status, g.State = "", "SHELVED_OFFLOADED", "shelved_offloaded"
	case drain.Cold:
		if g.Status == "ACTIVE" {
			s.Moves = append(s.Moves, "restarted")
		}
		g.State, g.Status = "resized from "+g.Status, "VERIFY_RESIZE"
		g.Unconfirmed = drain.Unconfirmed{From: old}
	case drain.Revive:
		s.Moves = append(s.Moves, "made again")
		if g.State == "error" {
			g.State, g.Status = "active", "ACTIVE"
		}
	}
	s.Moves = append(s.Moves, g.Host)
}

// was is the status of a guest before its cold migration, and its state then.
func was(state string) (status, vm string) {
	if strings.HasSuffix(state, "SHUTOFF") {
		return "SHUTOFF", "stopped"
	}
	return "ACTIVE", "active"
}

// pick chooses another host, as the scheduler does.
func (n *Nova) pick(not string) string {
	for _, host := range slices.Sorted(maps.Keys(n.Computes)) {
		if c := n.Computes[host]; host != not && c.Up && c.Enabled {
			return host
		}
	}
	return ""
}

// Remaining implements [drain.Nova].
func (n *Nova) Remaining(ctx context.Context, id string) (left *drain.Remaining, err error) {
	err = n.call(ctx, "", func() error {
		if s := n.Servers[id]; s != nil && s.Task == "migrating" {
			left = &drain.Remaining{Memory: 64 << 20}
		}
		return nil
	})
	return left, err
}

// Failure implements [drain.Nova].
func (n *Nova) Failure(ctx context.Context, id string) (why string, err error) {
	err = n.call(ctx, "", func() error {
		if s := n.Servers[id]; s != nil {
			why = s.failure
		}
		return nil
	})
	return why, err
}

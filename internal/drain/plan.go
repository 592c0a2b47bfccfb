// SPDX-License-Identifier: Apache-2.0

package drain

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// move is what happens next to a guest. Exactly one of How, Wait, Stays and Done is set.
type move struct {
	Guest Guest
	How   How
	Wait  string // what must end first
	Stays string // why it cannot move
	Hint  string // what the operator can do about that
	Done  bool   // nothing of it is on the node
}

// plan says what happens to each guest of a node, as decide decides it: what is quick first.
func plan(guests []Guest, decide func(Guest) move) []move {
	var all []move
	for _, g := range guests {
		all = append(all, decide(g))
	}
	rank := func(m move) int { return slices.Index([]How{Confirm, Offload, Cold, Live, Revive, Stop, ""}, m.How) }
	slices.SortFunc(all, func(a, b move) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Guest.Name, b.Guest.Name),
			cmp.Compare(a.Guest.ID, b.Guest.ID))
	})
	return all
}

// leave decides how a guest leaves a node that works. failed has the ways that have failed in this run, with
// Nova's reasons.
//
// Nova 31 migrates live what is ACTIVE or PAUSED, and cold what is ACTIVE or SHUTOFF, each only without a task
// under way (nova/compute/api.py: live_migrate and resize, which is also cold migration, with the decorator
// check_instance_state). It takes no guest in any other state anywhere, but a shelved one, of which Glance has
// all, loses its disk on the node (shelve_offload). Locks do not hold for an administrator
// (check_instance_lock).
func leave(g Guest, node string, failed map[How]string, stop bool) move {
	m := move{Guest: g}
	here := g.Host == node
	switch {
	case g.Task != "" && (here || g.Status == "VERIFY_RESIZE" || g.Status == "MIGRATING" || g.Status == "RESIZE"):
		m.Wait = "the task " + g.Task
	case g.Status == "VERIFY_RESIZE" && g.Unconfirmed == Unconfirmed{}:
		m.Wait = "the end of its migration"
	case g.Status == "VERIFY_RESIZE" && (here || g.Unconfirmed.From == node):
		confirmFirst(&m, node, failed)
	case !here:
		m.Done = true
	default:
		leaveAt(&m, failed, stop)
	}
	return m
}

// leaveAt decides that for a guest that is on the node and has no task.
func leaveAt(m *move, failed map[How]string, stop bool) {
	g := m.Guest
	ways := map[string][]How{"ACTIVE": {Live}, "PAUSED": {Live}, "SHUTOFF": {Cold}, "SHELVED": {Offload}}[g.Status]
	if stop && g.Status == "ACTIVE" {
		ways = append(ways, Cold)
	}
	for _, how := range ways {
		if _, ok := failed[how]; !ok {
			m.How = how
			return
		}
	}
	switch {
	case len(ways) > 0:
		m.Stays, m.Hint = becauseFailed(failed, ways...), failedHint(g, stop)
	case g.Status == "BUILD":
		m.Wait = "the end of its making"
	case g.Status == "SUSPENDED":
		m.Stays = "it is suspended, and Nova moves no such guest"
		m.Hint = "openstack server resume " + g.ID + ", then again"
	case g.Status == "RESCUE":
		m.Stays = "it is being rescued, and Nova moves no such guest"
		m.Hint = "openstack server unrescue " + g.ID + ", then again"
	case g.Status == "ERROR":
		m.Stays = "it is in state ERROR, and Nova moves no such guest"
		m.Hint = fmt.Sprintf("openstack server show %[1]s -c fault says why; openstack server reboot --hard %[1]s may "+
			"repair it; or delete it", g.ID)
	default:
		m.Stays = "it is in state " + g.Status + ", and Nova moves no such guest"
	}
}

// confirmFirst decides for a guest that has been migrated or resized, to this node or from it, and whose
// former disk stays until that is confirmed. A cold migration is an administrator's, so confirming it takes no
// decision from anybody; a resize is the owner's, who may want the former flavor back.
func confirmFirst(m *move, node string, failed map[How]string) {
	g := m.Guest
	if !g.Unconfirmed.Resize {
		if why, ok := failed[Confirm]; ok {
			m.Stays = "the confirmation of its migration failed: " + why
			return
		}
		m.How = Confirm
		return
	}
	m.Stays = "its resize has been neither confirmed nor reverted"
	if g.Host != node {
		m.Stays += ", so its former disk is still on the node"
	}
	m.Hint = fmt.Sprintf(
		"openstack server resize confirm %[1]s, or openstack server resize revert %[1]s, then again",
		g.ID,
	)
}

// revive decides how a guest of a node that is gone comes back. Nova 31 evacuates what was running, stopped or
// failed, also with a task under way (nova/compute/api.py, evacuate).
func revive(g Guest, node string, failed map[How]string) move {
	m := move{Guest: g}
	why, tried := failed[Revive]
	switch {
	case g.Evacuating:
		m.Wait = "the evacuation"
	case g.Host == node && tried:
		m.Stays = "its evacuation failed: " + why
	case g.Host == node && slices.Contains([]string{"active", "stopped", "error"}, g.State):
		m.How = Revive
	case g.Host == node:
		m.Stays = "it was " + g.State + ", and Nova evacuates no such guest"
		m.Hint = "what was in its memory is lost anyway: openstack server set --state error " + g.ID + ", then again"
		if g.State == "shelved" || g.State == "resized" || g.State == "building" {
			m.Hint = ""
		}
	case g.Unconfirmed.From == node:
		m.Stays = "it is on node " + g.Host + ", and Nova waits to remove its former disk from the node that is gone"
	default:
		m.Done = true
	}
	return m
}

// becauseFailed joins the reasons of failed ways.
func becauseFailed(failed map[How]string, ways ...How) string {
	var all []string
	for _, how := range ways {
		all = append(all, string(how)+" failed: "+failed[how])
	}
	return strings.Join(all, "; ")
}

func failedHint(g Guest, stop bool) string {
	if g.Status == "ACTIVE" && !stop {
		return "--stop shuts such guests down, moves them, and starts them again"
	}
	return ""
}

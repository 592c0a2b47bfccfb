// SPDX-License-Identifier: Apache-2.0

package computes

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/drain"
	"macaw.example/internal/nodeapi"
)

// kind is what is done to a node, the more urgent the greater.
type kind int

const (
	evacuation kind = iota
	rebalance
	interruption
)

func (k kind) String() string { return [...]string{"evacuation", "rebalance", "interruption"}[k] }

// task is what is to be done to a node.
type task struct {
	node   string
	kind   kind
	at     time.Time // when an interrupted node ends, or when the rebalance was recommended
	reason string    // as Nova shows it with the node
}

// instance is an instance of a node's, as EC2 has it.
type instance struct{ id, state string }

// seen is what plan works from.
type seen struct {
	now time.Time
	// notices of the Spot Instances that answer, by node.
	notices map[string]nodeapi.SpotNotices
	// followed is when the rebalance of a node was recommended that has been dealt with.
	followed map[string]time.Time
	services []drain.Service // Nova's; nil: not known
	// instances are those of nodes that Nova calls down. A node that was made again has several.
	instances map[string][]instance
	// stopped is since when all instances of a node have ended, some of which can be started again.
	stopped map[string]time.Time
}

// stoppedFor is how long the instance of a node is to be stopped before its guests are made again elsewhere: starting
// it would bring them back with their disks.
const stoppedFor = 5 * time.Minute

// plan returns what is to be done, by node.
func plan(s seen) (tasks []task) {
	for _, node := range slices.Sorted(maps.Keys(s.notices)) {
		n := s.notices[node]
		switch i := n.Interruption; {
		case i != nil && s.now.Before(i.Time):
			tasks = append(tasks, task{node, interruption, i.Time.UTC(),
				fmt.Sprintf("AWS Spot interruption notice: %s at %s", i.Action, utc(i.Time))})
		case i == nil && !n.Rebalance.IsZero() && !n.Rebalance.Equal(s.followed[node]):
			tasks = append(tasks, task{node, rebalance, n.Rebalance.UTC(),
				"AWS Spot rebalance recommendation of " + utc(n.Rebalance)})
		}
	}
	for _, svc := range s.services {
		if i, ok := s.ended(svc.Host); ok && !svc.Up {
			tasks = append(tasks, task{node: svc.Host, kind: evacuation,
				reason: fmt.Sprintf("evacuated: EC2 says that instance %s is %s", i.id, i.state)})
		}
	}
	slices.SortStableFunc(tasks, func(a, b task) int { return cmp.Compare(b.kind, a.kind) })
	return tasks
}

// ended tells whether a node's instances have ended, and returns one of them. If EC2 knows none, nothing is certain:
// tags may be missing.
func (s seen) ended(node string) (last instance, ok bool) {
	all := s.instances[node]
	if len(all) == 0 {
		return last, false
	}
	for _, i := range all {
		if !awsapi.InstanceEnded(i.state) {
			return last, false
		}
		if last.id == "" || last.state == "terminated" {
			last = i
		}
	}
	since, canStart := s.stopped[node]
	return last, !canStart || s.now.Sub(since) >= stoppedFor
}

// stoppedSince brings up to date since when nodes have been stopped.
func stoppedSince(before map[string]time.Time, instances map[string][]instance, now time.Time) map[string]time.Time {
	since := map[string]time.Time{}
	for node, all := range instances {
		ended := !slices.ContainsFunc(all, func(i instance) bool { return !awsapi.InstanceEnded(i.state) })
		if !ended || !slices.ContainsFunc(all, func(i instance) bool { return i.state == "stopped" }) {
			continue
		}
		since[node] = now
		if at, ok := before[node]; ok {
			since[node] = at
		}
	}
	return since
}

func utc(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// SPDX-License-Identifier: Apache-2.0

package computes

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"macaw.example/internal/drain"
	"macaw.example/internal/nodeapi"
)

func TestPlan(t *testing.T) {
	now := time.Date(2026, 11, 30, 18, 20, 0, 0, time.UTC)
	ends := func(in time.Duration) *nodeapi.Interruption {
		return &nodeapi.Interruption{Action: "terminate", Time: now.Add(in)}
	}
	up, down := drain.Service{Host: "cmp-1", Up: true}, drain.Service{Host: "cmp-1"}
	dead := func(states ...string) func(*seen) {
		return func(s *seen) {
			s.services = []drain.Service{down, {Host: "cmp-2", Up: true}}
			for i, state := range states {
				s.instances["cmp-1"] = append(s.instances["cmp-1"], instance{fmt.Sprintf("i-%d", i), state})
			}
			s.stopped = stoppedSince(nil, s.instances, now.Add(-stoppedFor))
		}
	}
	for name, tt := range map[string]struct {
		given func(*seen)
		want  []string
	}{
		"nothing": {func(*seen) {}, nil},
		"interruption": {func(s *seen) { s.notices["cmp-1"] = nodeapi.SpotNotices{Interruption: ends(time.Minute)} },
			[]string{"interruption of cmp-1: AWS Spot interruption notice: terminate at 2026-11-30T18:21:00Z"}},
		"time is up": {func(s *seen) {
			s.notices["cmp-1"] = nodeapi.SpotNotices{Interruption: ends(0), Rebalance: now}
		}, nil},
		"rebalance": {func(s *seen) { s.notices["cmp-1"] = nodeapi.SpotNotices{Rebalance: now} },
			[]string{"rebalance of cmp-1: AWS Spot rebalance recommendation of 2026-11-30T18:20:00Z"}},
		"rebalance followed": {func(s *seen) {
			s.notices["cmp-1"] = nodeapi.SpotNotices{Rebalance: now}
			s.followed["cmp-1"] = now.In(time.FixedZone("CET", 3600))
		}, nil},
		"another rebalance": {func(s *seen) {
			s.notices["cmp-1"] = nodeapi.SpotNotices{Rebalance: now}
			s.followed["cmp-1"] = now.Add(-time.Hour)
		}, []string{"rebalance of cmp-1: AWS Spot rebalance recommendation of 2026-11-30T18:20:00Z"}},
		"both, and another node": {func(s *seen) {
			s.notices["cmp-1"] = nodeapi.SpotNotices{Rebalance: now}
			s.notices["cmp-2"] = nodeapi.SpotNotices{Interruption: ends(time.Minute), Rebalance: now}
		}, []string{"interruption of cmp-2: AWS Spot interruption notice: terminate at 2026-11-30T18:21:00Z",
			"rebalance of cmp-1: AWS Spot rebalance recommendation of 2026-11-30T18:20:00Z"}},
		"terminated": {dead("terminated"), []string{"evacuation of cmp-1: evacuated: EC2 says that instance i-0 is terminated"}},
		"stopped":    {dead("stopped"), []string{"evacuation of cmp-1: evacuated: EC2 says that instance i-0 is stopped"}},
		"made again, and stopped": {dead("terminated", "stopped"),
			[]string{"evacuation of cmp-1: evacuated: EC2 says that instance i-1 is stopped"}},
		"stopped just now": {func(s *seen) {
			dead("stopped")(s)
			s.stopped = stoppedSince(nil, s.instances, now)
		}, nil},
		// It may hang, and its guests run.
		"running": {dead("running"), nil},
		// Guests may run while their node shuts down.
		"stopping":       {dead("stopping"), nil},
		"shutting down":  {dead("shutting-down"), nil},
		"made again":     {dead("terminated", "running"), nil},
		"unknown to EC2": {dead(), nil},
		"Nova says it is up": {func(s *seen) {
			dead("terminated")(s)
			s.services = []drain.Service{up}
		}, nil},
	} {
		s := seen{now: now, notices: map[string]nodeapi.SpotNotices{}, followed: map[string]time.Time{},
			instances: map[string][]instance{}}
		tt.given(&s)
		var got []string
		for _, task := range plan(s) {
			got = append(got, fmt.Sprintf("%s of %s: %s", task.kind, task.node, task.reason))
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"macaw.example/lab/internal/imds"
)

// interrupted is a state with a Spot Instance, and without a network: it works in a bubble.
func interrupted(t *testing.T, file string) (*State, *instanceRecord) {
	t.Helper()
	s, err := Open(Config{Machines: &fakeMachines{}, File: file, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	s.Resume()
	if len(s.view().Instances) == 0 {
		err = s.update(nil, func(t *tx) error {
			t.Instances["i-spot"] = &instanceRecord{ID: "i-spot", Type: "t3.small", Zone: "us-east-1a", State: stateRunning,
				Made: true, Spot: true}
			t.Instances["i-other"] = &instanceRecord{ID: "i-other", Type: "t3.small", Zone: "us-east-1a", State: stateRunning,
				Made: true}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return s, s.view().Instances["i-spot"]
}

// Two minutes after its notice a Spot Instance is terminated, also if the lab was restarted in between.
func TestInterruption(t *testing.T) {
	for _, restart := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "ec2.json")
			s, _ := interrupted(t, file)
			defer func() { s.Close() }()
			state := func(want string) {
				t.Helper()
				synctest.Wait()
				if i := s.view().Instances["i-spot"]; i.State != want {
					t.Errorf("it is %s, want %s", i.State, want)
				}
			}
			begun := time.Now()
			if err := s.NotifySpot("i-spot", SpotInterruption, true); err != nil {
				t.Fatal(err)
			}
			i := s.view().Instances["i-spot"]
			if m := i.spotMetadata(); !m.Terminate.Equal(begun.Add(2*time.Minute)) || !m.Rebalance.Equal(begun) {
				t.Errorf("metadata: %+v", m)
			}
			time.Sleep(time.Minute)
			if err := s.NotifySpot("i-spot", SpotInterruption, true); err != nil || s.view().Instances["i-spot"].Notices !=
				i.Notices {
				t.Errorf("a second notice changes the time: %v", err)
			}
			if restart {
				s.Close()
				s, _ = interrupted(t, file)
			}
			time.Sleep(59 * time.Second)
			state(stateRunning)
			time.Sleep(time.Second)
			state(stateTerminated)
			if i := s.view().Instances["i-spot"]; i.Reason != reasonSpot {
				t.Errorf("reason %+v", i.Reason)
			}
			if i := s.view().Instances["i-other"]; i.State != stateRunning {
				t.Errorf("the other one is %s", i.State)
			}
		})
	}
}

func TestNotifySpotRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := interrupted(t, "")
		defer s.Close()
		for id, want := range map[string]string{"i-none": "there is no instance", "i-other": "is not a Spot Instance"} {
			err := s.NotifySpot(id, SpotRebalance, true)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v", id, err)
			}
		}
		// Taken back, nothing happens.
		for _, on := range []bool{true, false} {
			if err := s.NotifySpot("i-spot", SpotInterruption, on); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		if i := s.view().Instances["i-spot"]; i.State != stateRunning || i.Notices.Rebalance.IsZero() {
			t.Errorf("%+v", i)
		}
		if err := s.NotifySpot("i-spot", SpotRebalance, false); err != nil {
			t.Fatal(err)
		}
		if i := s.view().Instances["i-spot"]; i.Notices != (spotNotices{}) {
			t.Errorf("%+v", i.Notices)
		}
	})
}

// Users see the state and its reason, the instance its notice, until its user terminates it.
func TestInterruptionShown(t *testing.T) {
	l := newLab(t)
	if err := l.launches("us-east-1a", "t3.small", spot); err != nil {
		t.Fatal(err)
	}
	id := *must(l.DescribeInstances(l.ctx, &ec2.DescribeInstancesInput{}))(l).Reservations[0].Instances[0].InstanceId
	l.wait(id, types.InstanceStateNameRunning)
	if err := l.state.NotifySpot(id, SpotInterruption, true); err != nil {
		t.Fatal(err)
	}
	eni := *l.instance(id).NetworkInterfaces[0].NetworkInterfaceId
	m, ok := l.state.Metadata(eni)
	if !ok || !m.Spot.Spot || m.Spot.Terminate.IsZero() {
		t.Errorf("metadata %+v, %v", m.Spot, ok)
	}
	l.machines.set(func() { l.machines.hold["terminate"] = true })
	must(l.TerminateInstances(l.ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{id}}))(l)
	if m, ok := l.state.Metadata(eni); ok && m.Spot != (imds.Spot{Spot: true}) {
		t.Errorf("terminated by its user: %+v", m.Spot)
	}
	if r := l.instance(id).StateReason; r == nil || *r.Code != reasonUser.Code {
		t.Errorf("reason %+v", r)
	}
}

// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"context"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"macaw.example/internal/inventory"
)

// statuses are the status checks of one instance.
type statuses struct{ system, instance types.SummaryStatus }

func (s statuses) DescribeInstanceStatus(context.Context, *ec2.DescribeInstanceStatusInput, ...func(*ec2.Options)) (
	*ec2.DescribeInstanceStatusOutput, error) {
	return &ec2.DescribeInstanceStatusOutput{InstanceStatuses: []types.InstanceStatus{{
		SystemStatus:   &types.InstanceStatusSummary{Status: s.system},
		InstanceStatus: &types.InstanceStatusSummary{Status: s.instance},
	}}}, nil
}

func TestHealthOf(t *testing.T) {
	in := func(id, state string) inventory.Instance {
		return inventory.Instance{ID: id, Part: "instance/a", State: state}
	}
	type many = []inventory.Instance
	well := statuses{types.SummaryStatusOk, types.SummaryStatusOk}
	for _, tt := range []struct {
		name   string
		seen   []inventory.Instance
		checks statuses
		want   Health
		runs   bool
		text   string
	}{
		{"well", many{in("i-1", "running")}, well, Health{"i-1", "running", false}, true, "instance i-1 is running"},
		{"host impaired", many{in("i-1", "running")}, statuses{types.SummaryStatusImpaired, types.SummaryStatusOk},
			Health{"i-1", "running", true}, true, "instance i-1 is running, and fails a status check"},
		{"does not answer", many{in("i-1", "running")}, statuses{types.SummaryStatusOk, types.SummaryStatusImpaired},
			Health{"i-1", "running", true}, true, "instance i-1 is running, and fails a status check"},
		{"young", many{in("i-1", "running")},
			statuses{types.SummaryStatusInitializing, types.SummaryStatusInitializing},
			Health{"i-1", "running", false}, true, "instance i-1 is running"},
		{"stopped", many{in("i-1", "stopped")}, well, Health{"i-1", "stopped", false}, false,
			"instance i-1 is stopped"},
		{"stopping", many{in("i-1", "stopping")}, well, Health{"i-1", "stopping", false}, true,
			"instance i-1 is stopping"},
		{"terminated", many{in("i-1", "terminated")}, well, Health{"i-1", "terminated", false}, false,
			"instance i-1 is terminated"},
		{"made anew", many{in("i-2", "running"), in("i-1", "terminated")}, well, Health{"i-2", "running", false}, true,
			"instance i-2 is running"},
		{"unknown", many{{ID: "i-3", Part: "instance/b", State: "running"}}, well, Health{}, false,
			"there is no instance of the node"},
	} {
		h, err := HealthOf(t.Context(), tt.checks, inventory.Seen{Instances: tt.seen}, "a")
		if err != nil || h != tt.want || h.Runs() != tt.runs || h.String() != tt.text {
			t.Errorf("%s: %+v, runs %v, %q, %v", tt.name, h, h.Runs(), h, err)
		}
	}
}

func TestLeaving(t *testing.T) {
	seen := inventory.Seen{Instances: []inventory.Instance{{ID: "i-1", Part: "instance/ctl", State: "running"},
		{ID: "i-2", Part: "instance/cmp-1", State: "running"}, {ID: "i-3", Part: "instance/cmp-2", State: "running"}}}
	p := &Plan{
		Actions: []Action{
			{ID: "i-3", Verb: Delete, Object: "instance"},
			{ID: "eni-3", Verb: Delete, Object: "network interface"},
		},
	}
	if got := p.Leaving("ctl", seen); !slices.Equal(got, []string{"cmp-2"}) {
		t.Errorf("%q", got)
	}
	if got := p.Leaving("other", seen); len(got) > 0 {
		t.Errorf("without the controller: %q", got)
	}
}

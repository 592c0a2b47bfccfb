// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/cloud"
	"macaw.example/internal/inventory"
	"macaw.example/internal/model"
)

// Health is what EC2 says of a node's instance.
type Health struct {
	Instance string // ID; empty if EC2 does not know one, as some time after its end
	State    string // of the instance: "running", "stopped", …
	Impaired bool   // a status check has failed
}

// Runs reports whether the node may still be at work.
func (h Health) Runs() bool {
	return h.Instance != "" && !awsapi.InstanceEnded(h.State)
}

// String says it in a sentence, after "EC2 says that".
func (h Health) String() string {
	switch {
	case h.Instance == "":
		return "there is no instance of the node"
	case h.Impaired:
		return fmt.Sprintf("instance %s is %s, and fails a status check", h.Instance, h.State)
	}
	return fmt.Sprintf("instance %s is %s", h.Instance, h.State)
}

// HealthOf asks how a node is, which the cloud file need not have any more. A status check fails when EC2's
// host, or its network, does not work, or when the instance does not answer (EC2 User Guide, "Status checks for
// Amazon EC2 instances").
func HealthOf(
	ctx context.Context, api ec2.DescribeInstanceStatusAPIClient, s inventory.Seen, node string,
) (Health, error) {
	var h Health
	for _, i := range s.Instances {
		if i.Part == partInstance(node) && (h.Instance == "" || i.Live()) {
			h.Instance, h.State = i.ID, i.State
		}
	}
	if h.State != string(types.InstanceStateNameRunning) {
		return h, nil
	}
	out, err := api.DescribeInstanceStatus(ctx, &ec2.DescribeInstanceStatusInput{InstanceIds: []string{h.Instance}})
	if err != nil {
		return h, fmt.Errorf("asking EC2 for the status of instance %s: %w", h.Instance, err)
	}
	for _, st := range out.InstanceStatuses {
		for _, check := range []*types.InstanceStatusSummary{st.SystemStatus, st.InstanceStatus} {
			h.Impaired = h.Impaired || check != nil && check.Status == types.SummaryStatusImpaired
		}
	}
	return h, nil
}

// Leaving returns the names of the nodes whose instances the plan removes while the cloud's controller stays:
// their guests have somewhere to go.
func (p *Plan) Leaving(controller string, s inventory.Seen) (names []string) {
	stays := false
	for _, i := range s.Instances {
		stays = stays || i.Part == partInstance(controller) && i.Live()
	}
	for _, gone := range p.Destroys() {
		for _, i := range s.Instances {
			if i.ID == gone.ID && stays {
				names = append(names, nodeOf(i.Part))
			}
		}
	}
	return names
}

// TakesGuests reports whether a node that exists may have guests: it computes. A cloud of one node has no
// security groups by role, and that node computes.
func TakesGuests(s inventory.Seen, node string) bool {
	compute, roles := "", false
	for _, g := range s.SecurityGroups {
		for _, r := range model.Roles() {
			roles = roles || g.Part == partGroup(string(r))
		}
		if g.Part == partGroup(string(model.Compute)) {
			compute = g.ID
		}
	}
	for _, e := range s.Interfaces {
		if e.Part == awsapi.InterfacePart(node, partManagement) && roles {
			return slices.Contains(e.Groups, compute)
		}
	}
	return true
}

// EndsCompute returns the names of the nodes that run guests so far, by their security groups, and will not in a
// cloud file. The only node of a cloud has no groups by role, and runs guests.
func EndsCompute(c *cloud.Cloud, s inventory.Seen) (names []string) {
	var roles []string // IDs of the groups by role
	compute := ""
	for _, g := range s.SecurityGroups {
		switch g.Part {
		case partGroup(string(model.Compute)):
			compute = g.ID
			roles = append(roles, g.ID)
		case partGroup(string(model.Controller)), partGroup(string(model.Gateway)):
			roles = append(roles, g.ID)
		}
	}
	byRole := func(id string) bool { return slices.Contains(roles, id) }
	for _, n := range c.Nodes {
		runs := func(i inventory.Instance) bool { return i.Live() && i.Part == partInstance(n.Name) }
		there := slices.ContainsFunc(s.Instances, runs)
		for _, e := range s.Interfaces {
			if there && !n.Has(model.Compute) && e.Part == awsapi.InterfacePart(n.Name, partManagement) &&
				(slices.Contains(e.Groups, compute) || !slices.ContainsFunc(e.Groups, byRole)) {
				names = append(names, n.Name)
			}
		}
	}
	return names
}

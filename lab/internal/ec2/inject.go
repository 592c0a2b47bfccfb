// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"macaw.example/lab/internal/ec2query"
)

// Injector decides which faults calls meet.
type Injector interface {
	// Inject is called once for each call.
	Inject(c CallFacts) Injection
	// ZoneDown reports whether an availability zone has lost power.
	ZoneDown(zone string) bool
	// Impaired reports whether an instance's hardware has failed.
	Impaired(instanceID string) bool
}

// CallFacts is the description of a call that an Injector receives.
type CallFacts struct {
	Action string
	// Narrowed is set if a Describe call selects resources by filters, IDs or pages.
	Narrowed bool
	// Resources is the number of instances that a call launches, starts or terminates;
	// 1 for other calls.
	Resources int
}

// Injection is the set of faults that a call meets; the zero value is none.
type Injection struct {
	// Latency is the delay before the action runs.
	Latency time.Duration
	// Lag is the age of the state that a reading call sees.
	Lag time.Duration
	// Refuse replaces the result, before or after the effect (AfterEffect).
	Refuse *APIError
	// NoAnswer closes the connection after Hang, before or after the effect
	// (AfterEffect).
	NoAnswer bool
	Hang     time.Duration
	// AfterEffect delays Refuse or NoAnswer until the call has taken effect.
	AfterEffect bool
}

// errNoAnswer makes the server close the connection without an answer.
var errNoAnswer = errors.New("the call is not answered")

// InjectFaults is the middleware of an Injector.
func InjectFaults(by Injector) Middleware {
	return func(next Handler) Handler {
		return func(s *State, c *Call) (result, error) {
			d := by.Inject(factsOf(c))
			pause(c.Context, d.Latency)
			if d.Lag > 0 {
				c.view = s.modelAt(s.cfg.Now().Add(-d.Lag))
			}
			answer := func() error {
				if d.NoAnswer {
					pause(c.Context, d.Hang)
					return errNoAnswer
				}
				if d.Refuse != nil {
					return d.Refuse
				}
				return nil
			}
			if !d.AfterEffect {
				if err := answer(); err != nil {
					return nil, err
				}
			}
			if zone := s.deadZone(c, by); zone != "" && c.Form.Get("DryRun") != "true" {
				return nil, insufficientCapacity(zone)
			}
			res, err := next(s, c)
			if d.AfterEffect && err == nil {
				if err := answer(); err != nil {
					return nil, err
				}
			}
			if statuses, ok := res.(*describeStatusOutput); ok && err == nil {
				impair(statuses, by)
			}
			return res, err
		}
	}
}

func factsOf(c *Call) CallFacts {
	f := CallFacts{Action: c.Action}
	for name := range c.Form {
		base, _, _ := strings.Cut(name, ".")
		f.Narrowed = f.Narrowed || base == "Filter" || base == "MaxResults" || base == "NextToken" ||
			strings.HasSuffix(base, "Id") || strings.HasSuffix(base, "Ids")
	}
	n, err := strconv.Atoi(c.Form.Get("MaxCount"))
	if err != nil || n <= 0 {
		n = len(ec2query.Values(c.Form, "InstanceId"))
	}
	f.Resources = max(n, 1)
	return f
}

// deadZone returns the zone without power in which a call would place or start an
// instance.
func (s *State) deadZone(c *Call, by Injector) string {
	t := s.view()
	var zones []string
	subnet := func(id string) {
		if sub := t.Subnets[id]; sub != nil {
			zones = append(zones, sub.Zone)
		}
	}
	switch c.Action {
	case "RunInstances":
		zones = append(zones, c.Form.Get("Placement.AvailabilityZone"))
		for _, id := range append(ec2query.Values(c.Form, "SubnetId"),
			ec2query.Values(c.Form, "NetworkInterface.N.SubnetId")...) {
			subnet(id)
		}
		for _, id := range ec2query.Values(c.Form, "NetworkInterface.N.NetworkInterfaceId") {
			if e := t.ENIs[id]; e != nil {
				subnet(e.Subnet)
			}
		}
	case "StartInstances":
		for _, id := range ec2query.Values(c.Form, "InstanceId") {
			if i := t.Instances[id]; i != nil {
				zones = append(zones, i.Zone)
			}
		}
	}
	for _, zone := range zones {
		if zone != "" && by.ZoneDown(zone) {
			return zone
		}
	}
	return ""
}

func insufficientCapacity(zone string) *APIError {
	return failStatus(http.StatusInternalServerError, "InsufficientInstanceCapacity",
		"We currently do not have sufficient capacity in the Availability Zone you requested (%s). Our system will be "+
			"working on provisioning additional capacity.", zone)
}

// impair reports failed hardware in status checks (EC2 User Guide,
// monitoring-system-instance-status-check).
func impair(out *describeStatusOutput, by Injector) {
	for n := range out.Statuses.Items {
		status := &out.Statuses.Items[n]
		if status.State.Name == stateRunning && by.Impaired(status.ID) {
			failed := statusSummaryXML{Status: "impaired"}
			failed.Details.Items = []statusDetailXML{{Name: "reachability", Status: "failed"}}
			status.System, status.Instance = failed, failed
		}
	}
}

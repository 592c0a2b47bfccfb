// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"encoding/base64"
	"slices"
	"time"
)

// The outcomes of a status check, and of its detail "reachability".
const (
	statusOK           = "ok"
	statusImpaired     = "impaired"
	statusInitializing = "initializing"
	statusNone         = "not-applicable"

	reachPassed       = "passed"
	reachFailed       = "failed"
	reachInitializing = "initializing"
)

const (
	// statusEvery is the interval of EC2's checks (EC2 User Guide,
	// monitoring-system-instance-status-check).
	statusEvery = time.Minute
	// statusGrace is how long after its launch an instance need not answer. AWS
	// documents no number.
	statusGrace = 3 * time.Minute
)

// check is the outcome of an instance's status checks. The instance check sends an ARP
// request to the network interface (EC2 User Guide,
// monitoring-system-instance-status-check); the system check always passes.
type check struct {
	system, instance string
	reach            string    // of the instance
	since            time.Time // when it became impaired
}

func (t *tx) check(i *instanceRecord) check {
	if i.State != stateRunning {
		return check{system: statusNone, instance: statusNone}
	}
	prober, ok := t.cfg.Fabric.(Prober)
	enis := t.enisOf(i.ID)
	if !ok || len(enis) == 0 {
		return check{statusOK, statusOK, reachPassed, time.Time{}}
	}
	last, answered := prober.Answered(enis[0].ID)
	if !answered || last.Before(i.Launched) {
		if t.now.Sub(i.Launched) < statusGrace {
			return check{statusInitializing, statusInitializing, reachInitializing, time.Time{}}
		}
		return check{statusOK, statusImpaired, reachFailed, i.Launched.Add(statusGrace)}
	}
	if t.now.Sub(last) > statusEvery {
		return check{statusOK, statusImpaired, reachFailed, last.Add(statusEvery)}
	}
	return check{statusOK, statusOK, reachPassed, time.Time{}}
}

type statusDetailXML struct {
	Name   string `xml:"name"`
	Status string `xml:"status" filter:"reachability"`
	Since  string `xml:"impairedSince,omitempty"`
}

type statusSummaryXML struct {
	Status  string               `xml:"status" filter:"status"`
	Details set[statusDetailXML] `xml:"details" filter:""`
}

type instanceStatusXML struct {
	ID       string           `xml:"instanceId"`
	Zone     string           `xml:"availabilityZone" filter:"availability-zone"`
	ZoneID   string           `xml:"availabilityZoneId"`
	State    stateXML         `xml:"instanceState" filter:""`
	System   statusSummaryXML `xml:"systemStatus" filter:"system-status"`
	Instance statusSummaryXML `xml:"instanceStatus" filter:"instance-status"`
}

func (t *tx) instanceStatusXML(i *instanceRecord) instanceStatusXML {
	x := instanceStatusXML{ID: i.ID, Zone: i.Zone, ZoneID: t.cfg.zoneID(i.Zone), State: newStateXML(i.State)}
	c := t.check(i)
	x.System.Status, x.Instance.Status = c.system, c.instance
	if c.reach == "" {
		return x
	}
	detail := statusDetailXML{Name: "reachability", Status: c.reach}
	if !c.since.IsZero() {
		detail.Since = timestamp(c.since)
	}
	x.Instance.Details.Items = []statusDetailXML{detail}
	x.System.Details.Items = []statusDetailXML{{Name: "reachability", Status: c.systemReach()}}
	return x
}

func (c check) systemReach() string {
	switch c.system {
	case statusNone:
		return ""
	case statusInitializing:
		return reachInitializing
	}
	return reachPassed
}

type describeStatusInput struct {
	query
	InstanceId          []string
	IncludeAllInstances bool
}

type describeStatusOutput struct {
	response
	Statuses  set[instanceStatusXML] `xml:"instanceStatusSet"`
	NextToken string                 `xml:"nextToken,omitempty"`
}

// describeInstanceStatus shows running instances only, by default.
func describeInstanceStatus(t *tx, in describeStatusInput) (*describeStatusOutput, error) {
	if len(in.InstanceId) > 0 && in.MaxResults != nil {
		return nil, badCombination("The parameter instancesSet cannot be used with the parameter maxResults")
	}
	for _, id := range in.InstanceId {
		if _, err := find(kindInstance, t.Instances, id); err != nil {
			return nil, err
		}
	}
	var all []item[instanceStatusXML]
	for _, i := range byID(t.Instances) {
		asked := len(in.InstanceId) == 0 || slices.Contains(in.InstanceId, i.ID)
		if asked && (i.State == stateRunning || in.IncludeAllInstances) {
			all = append(all, item[instanceStatusXML]{i.ID, t.instanceStatusXML(i)})
		}
	}
	page, next, err := choose(kindInstance, all, nil, in.query)
	if err != nil {
		return nil, err
	}
	return &describeStatusOutput{Statuses: page, NextToken: next}, nil
}

type consoleInput struct {
	dryRun
	Instance *instanceRecord `form:"InstanceId,required"`
	Latest   bool
}

type consoleOutput struct {
	response
	ID     string `xml:"instanceId"`
	At     string `xml:"timestamp"`
	Output string `xml:"output,omitempty"` // base64
}

// getConsoleOutput returns the newest 64 KiB (EC2 API Reference, GetConsoleOutput).
func getConsoleOutput(t *tx, in consoleInput) (*consoleOutput, error) {
	i := in.Instance
	out := &consoleOutput{ID: i.ID, At: timestamp(t.now)}
	if !i.Made || i.State == stateTerminated {
		return out, nil
	}
	text, err := t.cfg.Machines.ConsoleOutput(t.call.Context, i.ID)
	if err != nil {
		return nil, err
	}
	const most = 64 << 10
	if len(text) > most {
		text = text[len(text)-most:]
	}
	out.Output = base64.StdEncoding.EncodeToString(text)
	return out, nil
}

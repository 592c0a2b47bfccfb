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
	// statusEvery is how often EC2 makes its checks (EC2 User Guide,
	// monitoring-system-instance-status-check).
	statusEvery = time.Minute
	// statusGrace is how long after its launch an instance may be silent. AWS
	// tells no number.
	statusGrace = 3 * time.Minute
)

// check is what the status checks of an instance come to. The check sends an
// ARP request to the network interface (EC2 User Guide,
// monitoring-system-instance-status-check); the system below always works.
type check struct {
	system, instance string
	reach            string    // of the instance
	since            time.Time // when it became impaired
}

func (t *tx) check(i *instanceRecord) check {
	if i.State != stateRunning {
		return check{system: statusNone, instance: statusNone}
	}
	prober, can := t.cfg.Fabric.(Prober)
	enis := t.enisOf(i.ID)
	if !can || len(enis) == 0 {
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
	Status string `xml:"status"`
	Since  string `xml:"impairedSince,omitempty"`
}

type statusSummaryXML struct {
	Status  string               `xml:"status"`
	Details set[statusDetailXML] `xml:"details"`
}

type instanceStatusXML struct {
	ID       string           `xml:"instanceId"`
	Zone     string           `xml:"availabilityZone"`
	ZoneID   string           `xml:"availabilityZoneId"`
	State    stateXML         `xml:"instanceState"`
	System   statusSummaryXML `xml:"systemStatus"`
	Instance statusSummaryXML `xml:"instanceStatus"`
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

// describeInstanceStatus shows running instances only, unless told otherwise.
func describeInstanceStatus(t *tx, in describeStatusInput) (*describeStatusOutput, error) {
	if len(in.InstanceId) > 0 && in.MaxResults != nil {
		return nil, badCombination("The parameter instancesSet cannot be used with the parameter maxResults")
	}
	if _, err := withIDs(t.selectInstances(), byID(t.Instances), in.InstanceId); err != nil {
		return nil, err
	}
	all := slices.DeleteFunc(byID(t.Instances), func(i *instanceRecord) bool {
		asked := len(in.InstanceId) == 0 || slices.Contains(in.InstanceId, i.ID)
		return !asked || i.State != stateRunning && !in.IncludeAllInstances
	})
	s := t.selectInstances()
	s.values = func(i *instanceRecord, name string) ([]string, bool) {
		switch name {
		case "instance-state-name", "availability-zone", "instance-state-code":
			return t.instanceValues(i, name)
		case "instance-status.status":
			return one(t.check(i).instance)
		case "system-status.status":
			return one(t.check(i).system)
		case "instance-status.reachability":
			return one(t.check(i).reach)
		case "system-status.reachability":
			return one(t.check(i).systemReach())
		}
		return nil, false
	}
	page, next, err := choose(s, all, nil, in.query)
	if err != nil {
		return nil, err
	}
	return &describeStatusOutput{Statuses: setOf(page, t.instanceStatusXML), NextToken: next}, nil
}

type consoleInput struct {
	dryRun
	InstanceId string `form:",required"`
	Latest     bool
}

type consoleOutput struct {
	response
	ID     string `xml:"instanceId"`
	At     string `xml:"timestamp"`
	Output string `xml:"output,omitempty"` // base64
}

// getConsoleOutput shows the newest 64 KiB (EC2 API Reference, GetConsoleOutput).
func getConsoleOutput(t *tx, in consoleInput) (*consoleOutput, error) {
	i, err := find(kindInstance, t.Instances, in.InstanceId)
	if err != nil {
		return nil, err
	}
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

package ec2

import (
	"encoding/base64"
	"slices"
)

type statusDetailXML struct {
	Name   string `xml:"name"`
	Status string `xml:"status"`
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
	summary := statusSummaryXML{Status: "not-applicable"}
	if i.State == stateRunning {
		summary.Status = "ok"
		summary.Details.Items = []statusDetailXML{{"reachability", "passed"}}
	}
	return instanceStatusXML{i.ID, i.Zone, t.cfg.zoneID(i.Zone), newStateXML(i.State), summary, summary}
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
// The lab makes no status checks: a running machine passes.
func describeInstanceStatus(t *tx, in describeStatusInput) (*describeStatusOutput, error) {
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
		case "instance-status.status", "system-status.status":
			return one(t.instanceStatusXML(i).Instance.Status)
		case "instance-status.reachability", "system-status.reachability":
			if i.State == stateRunning {
				return one("passed")
			}
			return none()
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

// SPDX-License-Identifier: Apache-2.0

package ec2

// Detailed monitoring is a setting only: the lab has no CloudWatch.

type monitoringXML struct {
	Instance string `xml:"instanceId"`
	State    string `xml:"monitoring>state"`
}

type monitoringOutput struct {
	response
	Instances set[monitoringXML] `xml:"instancesSet"`
}

// monitor returns the action that turns detailed monitoring on or off; the answer has the
// state in between (EC2 API Reference, UnmonitorInstances).
func monitor(on bool) func(*tx, namedInstances) (*monitoringOutput, error) {
	state := "disabling"
	if on {
		state = "pending"
	}
	return func(_ *tx, in namedInstances) (*monitoringOutput, error) {
		out := &monitoringOutput{}
		for _, i := range in.Instances {
			i.Monitored = on
			out.Instances.Items = append(out.Instances.Items, monitoringXML{i.ID, state})
		}
		return out, nil
	}
}

func (i *instanceRecord) monitoring() string {
	if i.Monitored {
		return "enabled"
	}
	return "disabled"
}

type modifyMaintenanceInput struct {
	dryRun
	Instance        *instanceRecord `form:"InstanceId,required"`
	AutoRecovery    string
	RebootMigration string
}

type modifyMaintenanceOutput struct {
	response
	ID              string `xml:"instanceId"`
	AutoRecovery    string `xml:"autoRecovery"`
	RebootMigration string `xml:"rebootMigration"`
}

func modifyInstanceMaintenanceOptions(_ *tx, in modifyMaintenanceInput) (*modifyMaintenanceOutput, error) {
	for _, value := range []string{in.AutoRecovery, in.RebootMigration} {
		if value != "" && value != "default" {
			return nil, unsupported("The lab's instances have the default maintenance options only")
		}
	}
	return &modifyMaintenanceOutput{ID: in.Instance.ID, AutoRecovery: "default", RebootMigration: "default"}, nil
}

// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"strings"

	"macaw.example/lab/internal/instancetypes"
)

// The CPU credits of burstable types. T2 is standard unless the launch says otherwise, the
// later ones are unlimited (EC2 User Guide, burstable-performance-instances). The lab
// slows no instance down.
const (
	creditsStandard  = "standard"
	creditsUnlimited = "unlimited"
)

type creditInput struct{ CpuCredits string }

// changeCredits sets the credits of a launch; types that are not burstable have none.
func (i *instanceRecord) changeCredits(in creditInput) error {
	burstable := instancetypes.All()[i.Type].Has("burstable")
	switch {
	case in.CpuCredits == "" && !burstable:
		i.Credits = ""
	case in.CpuCredits == "":
		i.Credits = creditsUnlimited
		if strings.HasPrefix(i.Type, "t2.") {
			i.Credits = creditsStandard
		}
	case in.CpuCredits != creditsStandard && in.CpuCredits != creditsUnlimited:
		return invalidParameter("Invalid value '%s' for CpuCredits.", in.CpuCredits)
	case !burstable:
		return badCombination("The parameter creditSpecification is not supported for the instance type %s", i.Type)
	default:
		i.Credits = in.CpuCredits
	}
	return nil
}

type creditXML struct {
	Instance string `xml:"instanceId" filter:"instance-id"`
	Credits  string `xml:"cpuCredits"`
}

type describeCreditsInput struct {
	query
	InstanceId []string
}

// describeInstanceCreditSpecifications shows the burstable instances with unlimited
// credits, or those that are named (EC2 API Reference).
func describeInstanceCreditSpecifications(t *tx, in describeCreditsInput) (*described[creditXML], error) {
	var all []item[creditXML]
	for _, i := range byID(t.Instances) {
		if len(in.InstanceId) > 0 || i.Credits == creditsUnlimited {
			all = append(all, item[creditXML]{i.ID, creditXML{i.ID, i.Credits}})
		}
	}
	page, next, err := choose(kindInstance, all, in.InstanceId, in.query)
	if err != nil {
		return nil, err
	}
	for _, shown := range page.Items {
		if shown.Credits == "" {
			return nil, fail("InvalidInstanceCreditSpecification",
				"The instance '%s' is not of a burstable performance instance type.", shown.Instance)
		}
	}
	return newDescribed("instanceCreditSpecificationSet", page, next), nil
}

type modifyCreditsInput struct {
	dryRun
	ClientToken string
	Credits     []struct {
		Instance *instanceRecord `form:"InstanceId,required"`
		creditInput
	} `form:"InstanceCreditSpecification,required"`
}

type creditInstanceXML struct {
	ID string `xml:"instanceId"`
}

type modifyCreditsOutput struct {
	response
	Changed set[creditInstanceXML] `xml:"successfulInstanceCreditSpecificationSet"`
	Refused set[creditInstanceXML] `xml:"unsuccessfulInstanceCreditSpecificationSet"`
}

func modifyInstanceCreditSpecification(_ *tx, in modifyCreditsInput) (*modifyCreditsOutput, error) {
	out := &modifyCreditsOutput{}
	for _, c := range in.Credits {
		if err := c.Instance.changeCredits(c.creditInput); err != nil {
			return nil, err
		}
		out.Changed.Items = append(out.Changed.Items, creditInstanceXML{c.Instance.ID})
	}
	return out, nil
}

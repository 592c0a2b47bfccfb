// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"net/http"
	"slices"

	"macaw.example/lab/internal/instancetypes"
)

// lifecycleSpot is the lifecycle of Spot Instances; on-demand ones have none (EC2 API Reference, Instance).
const lifecycleSpot = "spot"

// The values of a request for Spot Instances (EC2 API Reference, SpotMarketOptions). The lab makes one-time
// requests only: a persistent one would launch another instance when the first is terminated.
const (
	requestOneTime       = "one-time"
	requestPersistent    = "persistent"
	interruptTerminate   = "terminate"
	interruptStop        = "stop"
	interruptHibernate   = "hibernate"
	kindSpotRequest      = "sir"
	unavailablePersisted = "The lab has one-time requests for Spot Instances only"
)

// marketInput asks for an instance of another market than the usual one.
type marketInput struct {
	MarketType  string
	SpotOptions struct {
		SpotInstanceType             string
		InstanceInterruptionBehavior string
		MaxPrice                     string
		ValidUntil                   string
		BlockDurationMinutes         int
	}
}

// apply makes an instance a Spot Instance, if the request asks for one.
func (in marketInput) apply(i *instanceRecord, limits instancetypes.Type) error {
	o := in.SpotOptions
	switch {
	case in == marketInput{}:
		return nil
	case in.MarketType != lifecycleSpot:
		return invalidParameter("Invalid value '%s' for MarketType.", in.MarketType)
	case o.SpotInstanceType == requestPersistent:
		return fail("UnsupportedOperation", unavailablePersisted)
	case o.SpotInstanceType != "" && o.SpotInstanceType != requestOneTime:
		return invalidParameter("Invalid value '%s' for SpotInstanceType.", o.SpotInstanceType)
	case o.ValidUntil != "":
		return badCombination("The parameter validUntil is for persistent requests only.")
	case o.BlockDurationMinutes != 0: // EC2 API Reference, SpotMarketOptions: deprecated
		return fail("UnsupportedOperation", "Spot Instances with a defined duration are no longer available.")
	case !slices.Contains([]string{"", interruptTerminate, interruptStop, interruptHibernate},
		o.InstanceInterruptionBehavior):
		return invalidParameter("Invalid value '%s' for InstanceInterruptionBehavior.", o.InstanceInterruptionBehavior)
	case o.InstanceInterruptionBehavior != "" && o.InstanceInterruptionBehavior != interruptTerminate:
		// EC2 User Guide, interruption-behavior: stop and hibernate need a persistent request.
		return badCombination("The interruption behavior '%s' is for persistent requests only.",
			o.InstanceInterruptionBehavior)
	case !slices.Contains(limits.UsageClasses, lifecycleSpot):
		// DescribeInstanceTypes tells them (EC2 API Reference, InstanceTypeInfo, SupportedUsageClasses); the code is
		// inferred.
		return fail("Unsupported", "The requested configuration is currently not supported. Spot Instances of type '%s' "+
			"are not available.", i.Type)
	case i.Protected || i.StopProtected:
		// EC2 User Guide, Using_ChangingDisableAPITermination: not for Spot Instances; the code is inferred.
		return badCombination("Termination and stop protection are not supported for Spot Instances.")
	}
	i.Spot, i.SpotRequest = true, newID(kindSpotRequest)
	return nil
}

// spotRoom refuses a Spot Instance whose vCPUs exceed the account's quota of them (EC2 User Guide,
// using-spot-limits; the code and its message are reported by users of RunInstances), or whose zone has no
// Spot capacity for it. The instance is among the records already.
func (t *tx) spotRoom(i *instanceRecord) error {
	s := t.settings()
	switch {
	case s.SpotVCPUQuota > 0 && instancetypes.Standard(i.Type) && t.vcpus(true) > s.SpotVCPUQuota:
		return fail("MaxSpotInstanceCountExceeded", "Max spot instance count exceeded")
	case s.SpotFull(i.Zone, i.Type) || s.Full(i.Zone, i.Type):
		return failStatus(http.StatusInternalServerError, "InsufficientInstanceCapacity",
			"There is no Spot capacity available that matches your request.")
	}
	return nil
}

// stoppable refuses to stop a Spot Instance of a one-time request (EC2 User Guide, stop-spot-instances, and
// StopInstances; the message is reported by users).
func (i *instanceRecord) stoppable() error {
	if !i.Spot {
		return nil
	}
	return fail("UnsupportedOperation", "You can't stop the Spot Instance '%s' because it is associated with a one-time "+
		"Spot Instance request. You can only stop Spot Instances associated with persistent Spot Instance requests.", i.ID)
}

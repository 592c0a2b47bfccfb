// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"errors"
	"net/http"
	"slices"

	"macaw.example/lab/internal/account"
	"macaw.example/lab/internal/instancetypes"
)

// permitted refuses launches that the account's settings do not permit.
func (t *tx) permitted(i *instanceRecord) error {
	s := t.settings()
	switch {
	case s.EnforceIMDSv2 && i.Metadata.Tokens != "required":
		// EC2 User Guide, troubleshooting-launch.
		return fail("UnsupportedOperation", "You can't launch instances with IMDSv1 because httpTokensEnforced is enabled "+
			"for this account. Either launch the instance with httpTokens=required or contact your account owner to disable "+
			"httpTokensEnforced using the ModifyInstanceMetadataDefaults API or the account settings in the EC2 console.")
	case s.FreePlan && !instancetypes.All()[i.Type].Has("free-tier"):
		return badCombination("The specified instance type is not eligible for Free Tier. For a list of Free Tier instance " +
			"types, run 'describe-instance-types' with the filter 'free-tier-eligible=true'.")
	}
	return nil
}

// roomFor refuses an instance whose vCPUs exceed the account's quota, or whose zone has no capacity
// for it. The instance is among the records already.
func (t *tx) roomFor(i *instanceRecord) error {
	s := t.settings()
	if i.Spot {
		return t.spotRoom(i)
	}
	if s.VCPUQuota > 0 && instancetypes.Standard(i.Type) && t.vcpus(false) > s.VCPUQuota {
		return fail("VcpuLimitExceeded", "You have requested more vCPU capacity than your current vCPU limit of %d allows "+
			"for the instance bucket that the specified instance type belongs to. Please visit "+
			"http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit.", s.VCPUQuota)
	}
	if !s.Full(i.Zone, i.Type) {
		return nil
	}
	others := slices.DeleteFunc(slices.Clone(t.cfg.Zones),
		func(z string) bool { return !t.cfg.offers(z, i.Type) || s.Full(z, i.Type) })
	text := "We currently do not have sufficient " + i.Type + " capacity in the Availability Zone you requested (" +
		i.Zone + "). Our system will be working on provisioning additional capacity."
	if len(others) > 0 {
		text += " You can currently get " + i.Type + " capacity by not specifying an Availability Zone in your request or " +
			"choosing " + joinComma(others) + "."
	}
	return failStatus(http.StatusInternalServerError, "InsufficientInstanceCapacity", "%s", text)
}

// vcpus counts the vCPUs of the Standard instances that are pending or running, Spot Instances or others: they
// have quotas of their own.
func (t *tx) vcpus(spot bool) (n int) {
	for _, i := range t.Instances {
		if i.Spot == spot && (i.State == statePending || i.State == stateRunning) && instancetypes.Standard(i.Type) {
			n += instancetypes.All()[i.Type].VCPUs
		}
	}
	return n
}

// errForbiddenKey ends an instance whose volume's key its caller may not use.
var errForbiddenKey = errors.New("the key of the volume's encryption may not be used")

// reasonKey is the state reason then (EC2 User Guide, troubleshooting-launch, "Client.InternalError").
var reasonKey = reasonXML{"Client.InternalError", "Client.InternalError: Client error on launch"}

// errDisabledKey and reasonDisabled are the same for a disabled key (reported by users).
var (
	errDisabledKey = errors.New("the key of the volume's encryption is disabled")
	reasonDisabled = reasonXML{"Client.InvalidKMSKey.InvalidState",
		"Client.InvalidKMSKey.InvalidState: The KMS key provided is in an incorrect state"}
)

// unlaunchable returns the reason why a new instance ends right after its launch.
func (t *tx) unlaunchable() error {
	switch t.settings().Encryption {
	case account.EncryptForbidden:
		return errForbiddenKey
	case account.EncryptDisabled:
		return errDisabledKey
	}
	return nil
}

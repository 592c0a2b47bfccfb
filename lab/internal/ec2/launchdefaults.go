// SPDX-License-Identifier: Apache-2.0

package ec2

// launchDefaultsInput are options of a launch that clients spell out, and that the lab's
// instances have in their default state only; any other value is refused.
type launchDefaultsInput struct {
	CapacityReservationSpecification struct{ CapacityReservationPreference string }
	HibernationOptions               struct{ Configured bool }
	EnclaveOptions                   struct{ Enabled bool }
	MaintenanceOptions               struct{ AutoRecovery string }
	NetworkPerformanceOptions        struct{ BandwidthWeighting string }
}

func (in launchDefaultsInput) check() error {
	for _, option := range []struct{ name, value, only string }{
		{"CapacityReservationPreference", in.CapacityReservationSpecification.CapacityReservationPreference, "open"},
		{"AutoRecovery", in.MaintenanceOptions.AutoRecovery, "default"},
		{"BandwidthWeighting", in.NetworkPerformanceOptions.BandwidthWeighting, "default"},
	} {
		if option.value != "" && option.value != option.only {
			return unsupported("The lab's instances have the %s '%s' only", option.name, option.only)
		}
	}
	switch {
	case in.HibernationOptions.Configured:
		return unsupported("The lab's instances do not hibernate")
	case in.EnclaveOptions.Enabled:
		return unsupported("The lab's instances have no enclaves")
	}
	return nil
}

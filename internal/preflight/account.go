// SPDX-License-Identifier: Apache-2.0

package preflight

// Account is what AWS says of the account and its region.
type Account struct {
	// Types has the cloud's instance types that the region offers, by name.
	Types map[string]Type
	// ElasticIPs counts the region's, including the cloud's own.
	ElasticIPs Quota
	// VCPUs counts those of the running instances of the Standard families, and SpotVCPUs those of Spot Instances
	// of these families, which have a quota of their own.
	VCPUs, SpotVCPUs Quota
	// Encryption is the key that new volumes are encrypted with, empty if they are not.
	Encryption string
	// Key is what KMS says of that key, if it is not AWS's own.
	Key Key
	// PublicAccess is the mode of VPC Block Public Access; it is "off", or blocks.
	PublicAccess string
	// Excluded are the ARNs of the VPCs and subnets that it excludes.
	Excluded []string
	// Images are the owners whose AMIs the account may use besides its own; nil for all.
	Images []string
	// TokensEnforced means that instances must require tokens of the metadata service.
	TokensEnforced bool
	// Managed are the settings that an organization's declarative policy sets, by check.
	Managed map[string]bool
	// Denied are the refusals of the calls tried in dry run, by action.
	Denied map[string]error
	// Caller is who AWS takes the caller for; nil if it did not tell.
	Caller *Caller
	// Simulated is what IAM says of the caller's policies.
	Simulated Simulated
	// Unknown are the reasons why something could not be read, by check.
	Unknown map[string]error
}

// Type is an instance type that the region offers.
type Type struct {
	// Zones offer the type, in AWS's order.
	Zones []string
	VCPUs int32
	// Architectures are the ones that it boots.
	Architectures []string
	// Addresses is how many private addresses an ENI takes, of each family.
	Addresses int32
	// FreeTier means that accounts on the free plan may launch it.
	FreeTier bool
	// Spot means that there are Spot Instances of it.
	Spot bool
}

// Key is a customer managed key of KMS.
type Key struct {
	// Missing means that there is no such key, State is its state otherwise: Enabled, or why it cannot be
	// used. Usable means that KMS grants EBS the use of it to this caller.
	Missing bool
	State   string
	Usable  bool
	// Untold is KMS's reason not to tell, nil if it did.
	Untold error
}

// Caller is an identity of AWS.
type Caller struct{ Account, ARN string }

// Quota is how many of a resource an account may have, and has.
type Quota struct {
	// Limit is negative if AWS does not report one.
	Limit, Held int
}

// SPDX-License-Identifier: Apache-2.0

package account

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"macaw.example/internal/model"
	"macaw.example/lab/internal/iam/policy"
)

// Settings are an account's settings in its region.
type Settings struct {
	// VCPUQuota is how many vCPUs the running on-demand instances of the Standard families may
	// have; 0 is no limit.
	VCPUQuota int `json:"vcpuQuota,omitempty"`
	// FreePlan lets only free-tier-eligible instance types be launched.
	FreePlan bool `json:"freePlan,omitempty"`
	// MissingTypes are the instance types that a zone does not offer, by zone.
	MissingTypes map[string][]string `json:"missingTypes,omitempty"`
	// NoCapacity are the instance types that a zone has no capacity for at the moment, by zone; * is
	// all.
	NoCapacity map[string][]string `json:"noCapacity,omitempty"`
	// EnforceIMDSv2 refuses launches that leave HttpTokens optional.
	EnforceIMDSv2 bool `json:"enforceIMDSv2,omitempty"`
	// Encryption is EBS encryption by default: one of the constants, empty for off.
	Encryption string `json:"encryption,omitempty"`
	// BlockPublicAccess is the mode of VPC Block Public Access: one of the constants, empty for off.
	BlockPublicAccess string `json:"blockPublicAccess,omitempty"`
	// Excluded are the VPCs that BlockPublicAccess excludes, by ID.
	Excluded []string `json:"blockPublicAccessExclusions,omitempty"`
	// ImageProviders are the owners of the only AMIs, besides the account's own, that are shown and
	// launched; empty for all. Owners are account IDs or aliases such as amazon.
	ImageProviders []string `json:"allowedImages,omitempty"`
	// ServiceControlPolicy is the JSON document of a policy of the account's organization, or empty.
	// It applies beside FullAWSAccess: only what it denies has an effect.
	ServiceControlPolicy string `json:"serviceControlPolicy,omitempty"`
	// RegionDisabled means that the account has not opted in to its region.
	RegionDisabled bool `json:"regionDisabled,omitempty"`
	// IAMDelay is how long a new role or instance profile is unknown to EC2 and STS.
	IAMDelay Duration `json:"iamDelay,omitempty"`
}

// Values of Encryption: with the key that AWS manages, with a customer managed key, with one that the
// account's callers may not use, and with one that is disabled.
const (
	EncryptAWS       = "aws-managed-key"
	EncryptOwn       = "customer-managed-key"
	EncryptForbidden = "forbidden-key"
	EncryptDisabled  = "disabled-key"
)

// Values of BlockPublicAccess (EC2 API Reference, VpcBlockPublicAccessOptions).
const (
	BlockIngress       = "block-ingress"
	BlockBidirectional = "block-bidirectional"
)

// Duration is a time.Duration that is text in JSON, such as 20s.
type Duration = model.Duration

// maxIAMDelay bounds IAMDelay, so that waits for IAM end.
const maxIAMDelay = 5 * time.Minute

// Check refuses values that AWS does not have.
func (s Settings) Check() error {
	encryption := []string{"", EncryptAWS, EncryptOwn, EncryptForbidden, EncryptDisabled}
	block := []string{"", BlockIngress, BlockBidirectional}
	switch {
	case s.VCPUQuota < 0:
		return fmt.Errorf("vcpu-quota %d: must not be negative", s.VCPUQuota)
	case !slices.Contains(encryption, s.Encryption):
		return fmt.Errorf("ebs-encryption %q: want one of %q", s.Encryption, encryption[1:])
	case !slices.Contains(block, s.BlockPublicAccess):
		return fmt.Errorf("block-public-access %q: want one of %q", s.BlockPublicAccess, block[1:])
	case s.IAMDelay < 0 || time.Duration(s.IAMDelay) > maxIAMDelay:
		return fmt.Errorf("iam-delay %v: want between 0s and %v", time.Duration(s.IAMDelay), maxIAMDelay)
	}
	if s.ServiceControlPolicy != "" {
		if _, err := policy.Parse(s.ServiceControlPolicy, policy.Identity); err != nil {
			return fmt.Errorf("service-control-policy: %w", err)
		}
	}
	return nil
}

// Offers reports whether a zone offers an instance type.
func (s Settings) Offers(zone, instanceType string) bool {
	return !slices.Contains(s.MissingTypes[zone], instanceType)
}

// Full reports whether a zone has no capacity for an instance type.
func (s Settings) Full(zone, instanceType string) bool {
	full := s.NoCapacity[zone]
	return slices.Contains(full, instanceType) || slices.Contains(full, "*")
}

// Organization returns the service control policy as a document; ok is false if there is none.
func (s Settings) Organization() (d policy.Document, ok bool) {
	if s.ServiceControlPolicy == "" {
		return d, false
	}
	d, err := policy.Parse(s.ServiceControlPolicy, policy.Identity)
	return d, err == nil
}

// clone shares nothing with s.
func (s Settings) clone() Settings {
	s.MissingTypes, s.NoCapacity = maps.Clone(s.MissingTypes), maps.Clone(s.NoCapacity)
	s.Excluded, s.ImageProviders = slices.Clone(s.Excluded), slices.Clone(s.ImageProviders)
	return s
}

// SPDX-License-Identifier: Apache-2.0

package account

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"macaw.example/internal/model"
	"macaw.example/lab/internal/iam/policy"
	"macaw.example/lab/internal/instancetypes"
)

// Settings are an account's settings in its region.
type Settings struct {
	// VCPUQuota is how many vCPUs the running on-demand instances of the Standard families may
	// have; 0 is no limit.
	VCPUQuota int `json:"vcpuQuota,omitempty"`
	// SpotVCPUQuota is the same of Spot Instances.
	SpotVCPUQuota int `json:"spotVCPUQuota,omitempty"`
	// FreePlan lets only free-tier-eligible instance types be launched.
	FreePlan bool `json:"freePlan,omitempty"`
	// MissingTypes are the instance types that a zone does not offer, by zone.
	MissingTypes map[string][]string `json:"missingTypes,omitempty"`
	// NoCapacity are the instance types that a zone has no capacity for at the moment, by zone; * is
	// all.
	NoCapacity map[string][]string `json:"noCapacity,omitempty"`
	// NoSpotCapacity are those that it has no Spot capacity for.
	NoSpotCapacity map[string][]string `json:"noSpotCapacity,omitempty"`
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
	// PermissionSets are those of the account's user of IAM Identity Center, some of [PermissionSets].
	PermissionSets []string `json:"permissionSets,omitempty"`
}

// PermissionSets are the permission sets that the lab has: each gives the AWS managed policy of its name.
var PermissionSets = []string{"AdministratorAccess", "AmazonEC2FullAccess", "AmazonEC2ReadOnlyAccess", "IAMFullAccess"}

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
	case s.SpotVCPUQuota < 0:
		return fmt.Errorf("spot-vcpu-quota %d: must not be negative", s.SpotVCPUQuota)
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
	for _, set := range s.PermissionSets {
		if !slices.Contains(PermissionSets, set) {
			return fmt.Errorf("permission-sets %q: want some of %q", set, PermissionSets)
		}
	}
	for _, vpc := range s.Excluded {
		if !vpcID.MatchString(vpc) {
			return fmt.Errorf("block-public-access-exclusions %q: want the ID of a VPC, such as vpc-0123456789abcdef0", vpc)
		}
	}
	for _, owner := range s.ImageProviders {
		if !accountID.MatchString(owner) && !slices.Contains(imageAliases, owner) {
			return fmt.Errorf("allowed-images %q: want an account's ID of 12 digits, or one of %q", owner, imageAliases)
		}
	}
	return errors.Join(checkTypes("missing-types", s.MissingTypes, false), checkTypes("no-capacity", s.NoCapacity, true),
		checkTypes("no-spot-capacity", s.NoSpotCapacity, true))
}

var (
	vpcID     = regexp.MustCompile(`^vpc-[0-9a-f]+$`)
	accountID = regexp.MustCompile(`^[0-9]{12}$`)
	// imageAliases are the owners that have a name (EC2 API Reference, ImageCriterionRequest).
	imageAliases = []string{"amazon", "aws-marketplace", "aws-backup-vault"}
)

// checkTypes refuses instance types that the lab does not have.
func checkTypes(setting string, zones map[string][]string, every bool) error {
	for _, zone := range slices.Sorted(maps.Keys(zones)) {
		for _, name := range zones[zone] {
			if _, ok := instancetypes.All()[name]; ok || every && name == "*" {
				continue
			}
			return fmt.Errorf("%s: there is no instance type %q%s", setting, name, like(name, every))
		}
	}
	return nil
}

// like names the types of the same family, or the families.
func like(name string, every bool) string {
	family, _, _ := strings.Cut(name, ".")
	var of, families []string
	for _, known := range instancetypes.Names() {
		f, _, _ := strings.Cut(known, ".")
		families = append(families, f)
		if f == family {
			of = append(of, known)
		}
	}
	all := ""
	if every {
		all = ", or * for all"
	}
	if len(of) > 0 {
		return fmt.Sprintf(": family %s has %s%s", family, strings.Join(of, ", "), all)
	}
	return fmt.Sprintf(": the families are %s%s", strings.Join(slices.Compact(families), ", "), all)
}

// checkZones refuses zones that the region does not have.
func (s Settings) checkZones(known []string) error {
	if known == nil {
		return nil
	}
	for _, of := range []struct {
		setting string
		zones   map[string][]string
	}{{"missing-types", s.MissingTypes}, {"no-capacity", s.NoCapacity}, {"no-spot-capacity", s.NoSpotCapacity}} {
		for _, zone := range slices.Sorted(maps.Keys(of.zones)) {
			if !slices.Contains(known, zone) {
				return fmt.Errorf("%s: the lab's region has no zone %q: its zones are %s", of.setting, zone,
					strings.Join(known, ", "))
			}
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

// SpotFull is the same for Spot Instances.
func (s Settings) SpotFull(zone, instanceType string) bool {
	full := s.NoSpotCapacity[zone]
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
	s.NoSpotCapacity = maps.Clone(s.NoSpotCapacity)
	s.PermissionSets = slices.Clone(s.PermissionSets)
	s.Excluded, s.ImageProviders = slices.Clone(s.Excluded), slices.Clone(s.ImageProviders)
	return s
}

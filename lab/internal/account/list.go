// SPDX-License-Identifier: Apache-2.0

package account

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Setting is one of the settings, as users see it: a name and a text.
type Setting struct {
	Name string
	// Value describes the values that it takes.
	Value string
	// Short is its effect in a line, Source where AWS documents it.
	Short, Source string

	get func(Settings) string
	set func(*Settings, string) error
}

// Get returns a setting's value as text; empty if the setting is off.
func (s Setting) Get(of Settings) string { return s.get(of) }

// Set changes a setting. An empty text turns it off.
func (s Setting) Set(of *Settings, text string) error {
	if err := s.set(of, text); err != nil {
		return fmt.Errorf("%s: %w", s.Name, err)
	}
	return of.Check()
}

// All are the settings in the order of listings.
var All = []Setting{
	{Name: "vcpu-quota", Value: "NUMBER",
		Short:  "quota of vCPUs of running on-demand instances of the families A, C, D, H, I, M, R, T and Z",
		Source: "EC2 User Guide, ec2-on-demand-instances; Service Quotas, L-1216C47A: 5 in a new account",
		get:    func(s Settings) string { return numberText(s.VCPUQuota) },
		set: func(s *Settings, text string) (err error) {
			s.VCPUQuota, err = number(text)
			return err
		}},
	{Name: "spot-vcpu-quota", Value: "NUMBER",
		Short:  "the same of Spot Instances",
		Source: "EC2 User Guide, using-spot-limits; Service Quotas, L-34B43A08; the error is reported by users",
		get:    func(s Settings) string { return numberText(s.SpotVCPUQuota) },
		set: func(s *Settings, text string) (err error) {
			s.SpotVCPUQuota, err = number(text)
			return err
		}},
	{Name: "free-plan", Value: "on",
		Short:  "launch free-tier-eligible instance types only",
		Source: "AWS Billing User Guide, free-tier-plans; the message is reported by users",
		get:    func(s Settings) string { return switchText(s.FreePlan) },
		set: func(s *Settings, text string) (err error) {
			s.FreePlan, err = onOff(text)
			return err
		}},
	{Name: "missing-types", Value: "ZONE=TYPE[,TYPE...][;ZONE=...]",
		Short:  "instance types that a zone does not offer",
		Source: "EC2 API Reference, DescribeInstanceTypeOfferings; EC2 User Guide, troubleshooting-launch",
		get:    func(s Settings) string { return zonesText(s.MissingTypes) },
		set: func(s *Settings, text string) (err error) {
			s.MissingTypes, err = zones(text)
			return err
		}},
	{Name: "no-capacity", Value: "ZONE=TYPE[,TYPE...][;ZONE=...], * for all types",
		Short:  "instance types that a zone has no capacity for",
		Source: "EC2 User Guide, troubleshooting-launch, InsufficientInstanceCapacity; the message is reported by users",
		get:    func(s Settings) string { return zonesText(s.NoCapacity) },
		set: func(s *Settings, text string) (err error) {
			s.NoCapacity, err = zones(text)
			return err
		}},
	{Name: "no-spot-capacity", Value: "ZONE=TYPE[,TYPE...][;ZONE=...], * for all types",
		Short:  "instance types that a zone has no Spot capacity for",
		Source: "EC2 User Guide, troubleshooting-launch, InsufficientInstanceCapacity; the message is reported by users",
		get:    func(s Settings) string { return zonesText(s.NoSpotCapacity) },
		set: func(s *Settings, text string) (err error) {
			s.NoSpotCapacity, err = zones(text)
			return err
		}},
	{Name: "enforce-imdsv2", Value: "on",
		Short:  "refuse launches that leave tokens of the metadata service optional",
		Source: "EC2 API Reference, ModifyInstanceMetadataDefaults; EC2 User Guide, troubleshooting-launch",
		get:    func(s Settings) string { return switchText(s.EnforceIMDSv2) },
		set: func(s *Settings, text string) (err error) {
			s.EnforceIMDSv2, err = onOff(text)
			return err
		}},
	{Name: "ebs-encryption", Value: strings.Join([]string{EncryptAWS, EncryptOwn, EncryptForbidden, EncryptDisabled}, "|"),
		Short: "encrypt new volumes; with a forbidden or disabled key, instances are terminated at launch",
		Source: "EBS User Guide, encryption-by-default; EC2 User Guide, troubleshooting-launch, Client.InternalError; " +
			"Client.InvalidKMSKey.InvalidState is reported by users",
		get: func(s Settings) string { return s.Encryption },
		set: func(s *Settings, text string) error { s.Encryption = text; return nil }},
	{Name: "block-public-access", Value: BlockIngress + "|" + BlockBidirectional,
		Short:  "block the Internet gateways of all VPCs but the excluded ones",
		Source: "VPC User Guide, security-vpc-bpa",
		get:    func(s Settings) string { return s.BlockPublicAccess },
		set:    func(s *Settings, text string) error { s.BlockPublicAccess = text; return nil }},
	{Name: "block-public-access-exclusions", Value: "VPC[,VPC...]",
		Short:  "VPCs that block-public-access excludes",
		Source: "VPC User Guide, security-vpc-bpa, exclusions",
		get:    func(s Settings) string { return strings.Join(s.Excluded, ",") },
		set:    func(s *Settings, text string) error { s.Excluded = list(text); return nil }},
	{Name: "allowed-images", Value: "OWNER[,OWNER...]",
		Short:  "hide all AMIs but the account's own and those of these owners",
		Source: "EC2 User Guide, ec2-allowed-amis",
		get:    func(s Settings) string { return strings.Join(s.ImageProviders, ",") },
		set:    func(s *Settings, text string) error { s.ImageProviders = list(text); return nil }},
	{Name: "service-control-policy", Value: "JSON",
		Short:  "policy of the organization: it denies also what the account's owner may do",
		Source: "Organizations User Guide, orgs_manage_policies_scps; IAM User Guide, reference_policies_evaluation-logic",
		get:    func(s Settings) string { return s.ServiceControlPolicy },
		set:    func(s *Settings, text string) error { s.ServiceControlPolicy = text; return nil }},
	{Name: "region-disabled", Value: "on",
		Short:  "the account has not opted in to its region",
		Source: "Account Management Reference, manage-acct-regions; the error is reported by users",
		get:    func(s Settings) string { return switchText(s.RegionDisabled) },
		set: func(s *Settings, text string) (err error) {
			s.RegionDisabled, err = onOff(text)
			return err
		}},
	{Name: "permission-sets", Value: "NAME[,NAME...]",
		Short:  "permission sets of the user of IAM Identity Center (SSO), whose start URL is https://lab.awsapps.com/start",
		Source: "IAM Identity Center User Guide, permissionsetsconcept; each has the AWS managed policy of its name",
		get:    func(s Settings) string { return strings.Join(s.PermissionSets, ",") },
		set:    func(s *Settings, text string) error { s.PermissionSets = list(text); return nil }},
	{Name: "iam-delay", Value: "DURATION",
		Short:  "how long EC2 and STS do not know a new role or instance profile",
		Source: "IAM User Guide, troubleshoot_general, eventual consistency",
		get: func(s Settings) string {
			if s.IAMDelay == 0 {
				return ""
			}
			return time.Duration(s.IAMDelay).String()
		},
		set: func(s *Settings, text string) error {
			if text == "" {
				text = "0s"
			}
			d, err := time.ParseDuration(text)
			s.IAMDelay = Duration(d)
			return err
		}},
}

// Find returns the setting of a name.
func Find(name string) (s Setting, ok bool) {
	at := slices.IndexFunc(All, func(s Setting) bool { return s.Name == name })
	if at < 0 {
		return s, false
	}
	return All[at], true
}

// Names returns the names of all settings.
func Names() (names []string) {
	for _, s := range All {
		names = append(names, s.Name)
	}
	return names
}

func numberText(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func number(text string) (int, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%q: want a number, at least 1", text)
	}
	return n, nil
}

func switchText(on bool) string {
	if on {
		return "on"
	}
	return ""
}

func onOff(text string) (bool, error) {
	switch text {
	case "on":
		return true, nil
	case "", "off":
		return false, nil
	}
	return false, fmt.Errorf("%q: want on or off", text)
}

func list(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, ",")
}

func zonesText(types map[string][]string) string {
	var parts []string
	for _, zone := range slices.Sorted(maps.Keys(types)) {
		parts = append(parts, zone+"="+strings.Join(types[zone], ","))
	}
	return strings.Join(parts, ";")
}

func zones(text string) (map[string][]string, error) {
	if text == "" {
		return nil, nil
	}
	all := map[string][]string{}
	for part := range strings.SplitSeq(text, ";") {
		zone, types, ok := strings.Cut(part, "=")
		if !ok || zone == "" || types == "" {
			return nil, fmt.Errorf("%q: want ZONE=TYPE,TYPE", part)
		}
		all[zone] = append(all[zone], list(types)...)
	}
	return all, nil
}

// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	awsapi "macaw.example/internal/aws"
)

// freePlan checks that an account on AWS's free plan may launch the type. No call of EC2 tells
// the plan, but the launch in dry run may.
func (r *run) freePlan() {
	err := r.Account.Denied["RunInstances"]
	if !r.launches() || err == nil || awsapi.Code(err) == "UnauthorizedOperation" {
		return
	}
	r.add(checkFreePlan, Failed, r.c.Nodes[0].Field("type"),
		"upgrade the account to the paid plan in the console, Billing and Cost Management: the types of the free plan are "+
			"too small for OpenStack",
		"AWS's free plan does not include %s", r.c.Nodes[0].Type)
}

// rights reports what the calls in dry run showed.
func (r *run) rights() {
	if !r.launches() {
		return
	}
	refused := 0
	for _, action := range slices.Sorted(maps.Keys(r.Account.Denied)) {
		err := r.Account.Denied[action]
		if awsapi.Code(err) != "UnauthorizedOperation" {
			continue
		}
		refused++
		r.add(checkRights, Failed, "", awsapi.DenialHint(err), "%s", awsapi.Denial(err))
	}
	s := r.Account.Simulated
	if len(s.Denied) > 0 {
		r.add(checkRights, Failed, "", rightsHint, "the policies of %s do not allow %s", s.Principal,
			strings.Join(s.Denied, ", "))
	}
	if len(s.Later) > 0 {
		r.add(checkRights, Unknown, "", rightsHint, "the policies of %s do not allow %s: repairs and macaw down need it",
			s.Principal, strings.Join(s.Later, ", "))
	}
	if len(s.Doubtful) > 0 {
		r.add(checkRights, Unknown, "", rightsHint, "the policies of %s do not allow on all resources: %s; they may on "+
			"the cloud's", s.Principal, strings.Join(s.Doubtful, ", "))
	}
	unknown := r.Account.Unknown[checkRights]
	if unknown == nil {
		unknown = s.Untold
	}
	switch {
	case unknown != nil && awsapi.Code(unknown) != "AccessDenied":
		r.add(checkRights, Unknown, "", rightsHint, "IAM did not simulate all of your rights: %v", unknown)
	case refused+len(s.Denied)+len(s.Later)+len(s.Doubtful) > 0:
	case s.Principal != "":
		r.pass(checkRights, "calls in dry run are permitted, and by IAM's simulation %s may make all others", s.Principal)
	case unknown != nil:
		r.pass(checkRights, "calls in dry run are permitted; IAM's and those that need the cloud's network cannot be tried "+
			"(with iam:SimulatePrincipalPolicy they could)")
	default:
		r.pass(checkRights, "calls in dry run are permitted, and the account's root user may make all others")
	}
}

// rightsHint says where the rights are listed.
const rightsHint = "examples/operator-rights.json lists the rights that macaw needs"

// encryption notes the key of new volumes: whether it may be used shows only at the launch, when
// the instance ends at once (EC2 User Guide, troubleshooting-launch).
func (r *run) encryption() {
	key := r.Account.Encryption
	switch {
	case !r.launches() || r.unread(checkEncryption, ""):
	case key == "":
		r.pass(checkEncryption, "off")
	case awsManaged(key):
		r.pass(checkEncryption, "with AWS's own key")
	case r.Account.Key.Missing:
		r.add(checkEncryption, Failed, "", otherKey, "EBS encrypts the disks with key %s, which KMS does not have", key)
	case r.Account.Key.State != "" && r.Account.Key.State != keyEnabled:
		r.add(checkEncryption, Failed, "", "enable it: aws kms enable-key; if it is to be deleted, first aws kms "+
			"cancel-key-deletion; or "+otherKey,
			"EBS encrypts the disks with key %s, whose state is %s: instances would end at their launch", key,
			r.Account.Key.State)
	case r.Account.Key.Usable:
		r.pass(checkEncryption, "with key %s, which you may use", key)
	default:
		text := fmt.Sprintf("EBS encrypts the disks with key %s; whether you may use it shows at the launch", key)
		if err := r.Account.Key.Untold; err != nil {
			text += ", since KMS refuses to tell: " + awsapi.Denial(err)
		}
		r.add(checkEncryption, Unknown, "",
			"its policy and yours must allow kms:CreateGrant, kms:DescribeKey, kms:Decrypt and "+
				"kms:GenerateDataKeyWithoutPlaintext; otherwise the instance ends at its launch", "%s", text)
	}
}

// otherKey is the way out if a key cannot be used.
const otherKey = "choose another default key: aws ec2 modify-ebs-default-kms-key-id, or " +
	"aws ec2 reset-ebs-default-kms-key-id for AWS's own"

// publicAccess checks that the Internet gateway is not blocked for the cloud's VPC (VPC User Guide,
// security-vpc-bpa).
func (r *run) publicAccess() {
	mode, vpc := r.Account.PublicAccess, r.Plan.VPC()
	excludes := func(arn string) bool { return strings.HasSuffix(arn, "vpc/"+vpc) }
	switch {
	case r.unread(checkPublicAccess, ""):
	case mode == "off" || mode == "":
		r.pass(checkPublicAccess, "not blocked")
	case vpc != "" && slices.ContainsFunc(r.Account.Excluded, excludes):
		r.pass(checkPublicAccess, "blocked in the account (%s), and %s is excluded", mode, vpc)
	default:
		hint := "turn it off: aws ec2 modify-vpc-block-public-access-options --internet-gateway-block-mode off; or exclude " +
			"the cloud's VPC, as docs/aws.md describes under VPC Block Public Access"
		if r.Account.Managed[checkPublicAccess] {
			hint = "an administrator of your organization can " + hint
		}
		r.add(checkPublicAccess, Failed, "", hint,
			"VPC Block Public Access is on in %s (%s): nobody would reach the cloud", r.Seen.Region, mode)
	}
}

// metadata passes always: nodes require tokens, whatever the account's default.
func (r *run) metadata() {
	switch {
	case !r.launches() || r.unread(checkMetadata, "nodes require tokens in any case"):
	case r.Account.TokensEnforced:
		r.pass(checkMetadata, "the account enforces tokens (IMDSv2), which nodes require anyway")
	default:
		r.pass(checkMetadata, "nodes require tokens (IMDSv2)")
	}
}

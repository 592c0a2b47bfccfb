// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"errors"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/cloud"
	"macaw.example/internal/hint"
	"macaw.example/internal/images"
)

// VCPUQuota is the code of the quota of vCPUs in Service Quotas: of running on-demand instances of
// the families A, C, D, H, I, M, R, T and Z.
const VCPUQuota = "L-1216C47A"

// SpotVCPUQuota is the same of Spot Instances.
const SpotVCPUQuota = "L-34B43A08"

// NoCapacity reports whether AWS refused to launch or start an instance of the cloud's zone because that has
// no capacity for the type at the moment, or does not have the type (EC2 User Guide,
// troubleshooting-launch). Another zone may.
func NoCapacity(err error) bool {
	_, alone := errors.AsType[*aloneError](err)
	return noCapacity(err) && !alone
}

func noCapacity(err error) bool {
	code := errorCode(err)
	return code == "InsufficientInstanceCapacity" || code == "Unsupported"
}

// aloneError is the refusal to launch a node whose zone does not bind the other nodes.
type aloneError struct{ error }

func (e *aloneError) Unwrap() error { return e.error }

// refused adds a hint to AWS's refusal to launch, or returns nil for none.
func (l launch) refused(err error) error {
	elsewhere := "other zones for the node, or another type, or try again later"
	switch code := errorCode(err); {
	case err == nil:
		return nil
	// The codes are those of EC2 API Reference, errors-overview, and EC2 User Guide, spot-request-status.
	case l.node.Spot && code == "MaxSpotInstanceCountExceeded":
		return hint.With(err, "ask AWS for more: Service Quotas, ec2, %s; or leave spot out", SpotVCPUQuota)
	case l.node.Spot && code == "SpotMaxPriceTooLow":
		return hint.With(err, "Spot Instances cost more than others at the moment: leave spot out, or take %s", elsewhere)
	case l.node.Spot && code == "AuthFailure.ServiceLinkedRoleCreationNotPermitted":
		return hint.With(err, "the account has never had a Spot Instance, and needs a role for them: "+
			"aws iam create-service-linked-role --aws-service-name spot.amazonaws.com")
	case l.node.Spot && noCapacity(err):
		return &aloneError{hint.With(err, "AWS has no Spot capacity there at the moment: leave spot out, or take %s",
			elsewhere)}
	case noCapacity(err) && !l.node.Public() && !l.primary.IsValid():
		return &aloneError{hint.With(err, "take %s: capacity changes within minutes to hours", elsewhere)}
	}
	return launchHint(err)
}

// launchHint adds a hint for causes that a check before the launch may not have shown.
func launchHint(err error) error {
	code := errorCode(err)
	switch {
	case code == "VcpuLimitExceeded":
		return hint.With(err, "ask AWS for more: Service Quotas, ec2, %s; or take a smaller type for the node", VCPUQuota)
	case NoCapacity(err):
		return hint.With(err, "use another type, or try again later: capacity changes within minutes to hours")
	case code == "InvalidParameterCombination" && strings.Contains(awsapi.Text(err), "Free Tier"):
		return hint.With(err, "the account is on AWS's free plan, whose types are too small for OpenStack: "+
			"upgrade it to the paid plan in the console, Billing and Cost Management")
	}
	return err
}

// endedHint adds a hint to the reason why an instance was terminated at its launch. Both codes mean
// that the volume's key could not be used (EC2 User Guide, troubleshooting-launch).
func endedHint(code string, err error) error {
	switch {
	case strings.HasPrefix(code, "Client.InvalidKMSKey"):
		return hint.With(err, "EBS encrypts volumes with a key that is disabled, is to be deleted or is gone: "+
			"aws ec2 get-ebs-default-kms-key-id names it; enable it, or aws ec2 modify-ebs-default-kms-key-id")
	case code == "Client.InternalError":
		return hint.With(err, "EBS encrypts volumes with a key that you may not use: aws ec2 get-ebs-default-kms-key-id "+
			"names it; its policy and yours must allow kms:CreateGrant, kms:DescribeKey, kms:Decrypt and "+
			"kms:GenerateDataKeyWithoutPlaintext; or choose another default key in the EC2 console's settings")
	}
	return err
}

// DryLaunch returns the input of a launch of a cloud's first node in dry run, before there is a
// network for it.
func DryLaunch(c *cloud.Cloud, image images.Image) *ec2.RunInstancesInput {
	in := launch{node: c.Nodes[0], image: image}.input()
	in.DryRun, in.KeyName = aws.Bool(true), nil
	part := partInstance(c.Nodes[0].Name)
	in.TagSpecifications = slices.Concat(awsapi.Tagged(types.ResourceTypeInstance, c.Name, part),
		awsapi.Tagged(types.ResourceTypeVolume, c.Name, part))
	return in
}

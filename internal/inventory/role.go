// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"context"
	"fmt"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"

	awsapi "macaw.example/internal/aws"
)

// RightsName is the name of the policy that is embedded in the gateways' role.
const RightsName = "gateway"

// GatewayName is the name of the role and of the instance profile of a cloud's gateways. It has the
// region, because IAM is global and two regions may have clouds of the same name. It fits into the
// 64 characters of a role's name (IAM User Guide, reference_iam-quotas), because a cloud's name has
// at most 32.
func GatewayName(cloud, region string) string { return "macaw-" + cloud + "-gateway-" + region }

// seeRole looks for the gateways' role by its name: IAM cannot search by tag. A role without the
// cloud's tag is not the cloud's.
func (s *Seen) seeRole(ctx context.Context, c clients, _ types.Filter) (err error) {
	s.Role, err = FindRole(ctx, c.IAM, s.Cloud, GatewayName(s.Cloud, s.Region))
	return err
}

func (s *Seen) seeProfile(ctx context.Context, c clients, _ types.Filter) (err error) {
	s.Profile, err = FindProfile(ctx, c.IAM, s.Cloud, GatewayName(s.Cloud, s.Region))
	return err
}

// FindRole returns nil if the cloud has no such role.
func FindRole(ctx context.Context, api IAMReader, cloud, name string) (*Role, error) {
	out, err := api.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String(name)})
	if awsapi.IsNotFound(err) || err == nil && iamTag(out.Role.Tags, awsapi.TagCloud) != cloud {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	r := &Role{Name: name}
	if r.Trust, err = unescaped(out.Role.AssumeRolePolicyDocument); err != nil {
		return nil, err
	}
	rights, err := api.GetRolePolicy(ctx, &iam.GetRolePolicyInput{
		RoleName: aws.String(name), PolicyName: aws.String(RightsName),
	})
	if awsapi.IsNotFound(err) {
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	r.Rights, err = unescaped(rights.PolicyDocument)
	return r, err
}

// FindProfile returns nil if the cloud has no such instance profile.
func FindProfile(ctx context.Context, api IAMReader, cloud, name string) (*InstanceProfile, error) {
	out, err := api.GetInstanceProfile(ctx, &iam.GetInstanceProfileInput{InstanceProfileName: aws.String(name)})
	if awsapi.IsNotFound(err) || err == nil && iamTag(out.InstanceProfile.Tags, awsapi.TagCloud) != cloud {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	p := &InstanceProfile{ID: aws.ToString(out.InstanceProfile.InstanceProfileId), Name: name}
	for _, r := range out.InstanceProfile.Roles {
		p.Role = aws.ToString(r.RoleName)
	}
	return p, nil
}

// unescaped decodes a policy as IAM returns it: URL-encoded (IAM API Reference, GetRolePolicy).
func unescaped(document *string) (string, error) {
	text, err := url.PathUnescape(aws.ToString(document))
	if err != nil {
		return "", fmt.Errorf("reading a policy: %w", err)
	}
	return text, nil
}

func iamTag(tags []iamtypes.Tag, key string) string {
	for _, t := range tags {
		if aws.ToString(t.Key) == key {
			return aws.ToString(t.Value)
		}
	}
	return ""
}

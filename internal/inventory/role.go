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

// Holder is who has a role, which is also the name of the policy that is embedded in the role.
type Holder string

// The holders of roles.
const (
	GatewayHolder    Holder = "gateway"
	ControllerHolder Holder = "controller" // that is no gateway, and evacuates compute nodes
)

// Holders are all.
var Holders = [...]Holder{GatewayHolder, ControllerHolder}

// RoleName is the name of the role and of the instance profile of a holder. It has the region, because IAM is
// global and two regions may have clouds of the same name. It fits into the 64 characters of a role's name (IAM
// User Guide, reference_iam-quotas), because a cloud's name has at most 32.
func (h Holder) RoleName(cloud, region string) string {
	return "macaw-" + cloud + "-" + string(h) + "-" + region
}

// roles look for the nodes' roles by their names: IAM cannot search by tag. A role without the cloud's tag is
// not the cloud's.
func (d *details) roles() (all []look) {
	for h, into := range map[Holder]**Role{GatewayHolder: &d.Role, ControllerHolder: &d.ControllerRole} {
		all = append(all, look{"iam role", func(ctx context.Context, c clients, _ types.Filter) (err error) {
			*into, err = FindRole(ctx, c.IAM, d.Cloud, h, h.RoleName(d.Cloud, d.Region))
			return err
		}})
	}
	return all
}

func (d *details) profiles() (all []look) {
	for h, into := range map[Holder]**InstanceProfile{GatewayHolder: &d.Profile, ControllerHolder: &d.ControllerProfile} {
		all = append(all, look{"instance profile", func(ctx context.Context, c clients, _ types.Filter) (err error) {
			*into, err = FindProfile(ctx, c.IAM, d.Cloud, h.RoleName(d.Cloud, d.Region))
			return err
		}})
	}
	return all
}

// FindRole returns nil if the cloud has no such role.
func FindRole(ctx context.Context, api IAMReader, cloud string, h Holder, name string) (*Role, error) {
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
		RoleName: aws.String(name), PolicyName: aws.String(string(h)),
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

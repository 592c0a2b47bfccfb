// SPDX-License-Identifier: Apache-2.0

package infra

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

// seeRoles looks for the nodes' roles by their names: IAM cannot search by tag. A role without the
// cloud's tag is not the cloud's.
func (s *Seen) seeRoles(ctx context.Context, c Clients, _ types.Filter) (err error) {
	for h, into := range map[holder]**Role{gatewayHolder: &s.Role, controllerHolder: &s.ControllerRole} {
		if *into, err = findRole(ctx, c.IAM, s.Cloud, h, h.name(s.Cloud, s.Region)); err != nil {
			return err
		}
	}
	return nil
}

func (s *Seen) seeProfiles(ctx context.Context, c Clients, _ types.Filter) (err error) {
	for h, into := range map[holder]**InstanceProfile{gatewayHolder: &s.Profile, controllerHolder: &s.ControllerProfile} {
		if *into, err = findProfile(ctx, c.IAM, s.Cloud, h.name(s.Cloud, s.Region)); err != nil {
			return err
		}
	}
	return nil
}

// findRole returns nil if the cloud has no such role.
func findRole(ctx context.Context, api IAM, cloud string, h holder, name string) (*Role, error) {
	out, err := api.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String(name)})
	if notFound(err) || err == nil && iamTag(out.Role.Tags, awsapi.TagCloud) != cloud {
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
	if notFound(err) {
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	r.Rights, err = unescaped(rights.PolicyDocument)
	return r, err
}

// findProfile returns nil if the cloud has no such instance profile.
func findProfile(ctx context.Context, api IAM, cloud, name string) (*InstanceProfile, error) {
	out, err := api.GetInstanceProfile(ctx, &iam.GetInstanceProfileInput{InstanceProfileName: aws.String(name)})
	if notFound(err) || err == nil && iamTag(out.InstanceProfile.Tags, awsapi.TagCloud) != cloud {
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

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

// seeRole looks for the gateways' role by its name: IAM cannot search by tag. A role without the
// cloud's tag is not the cloud's.
func (s *Seen) seeRole(ctx context.Context, c Clients, _ types.Filter) (err error) {
	s.Role, err = findRole(ctx, c.IAM, s.Cloud, GatewayName(s.Cloud, s.Region))
	return err
}

func (s *Seen) seeProfile(ctx context.Context, c Clients, _ types.Filter) (err error) {
	s.Profile, err = findProfile(ctx, c.IAM, s.Cloud, GatewayName(s.Cloud, s.Region))
	return err
}

// findRole returns nil if the cloud has no such role.
func findRole(ctx context.Context, api IAM, cloud, name string) (*Role, error) {
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
		RoleName: aws.String(name), PolicyName: aws.String(rightsName),
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

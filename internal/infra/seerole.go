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

// seeRole looks for the gateways' role by its name: IAM finds nothing by tag.
// One that does not bear the cloud's tag is somebody else's.
func (s *Seen) seeRole(ctx context.Context, c Clients, _ types.Filter) (err error) {
	s.Role, err = findRole(ctx, c.IAM, s.Cloud, gatewayName(s.Cloud, s.Region))
	return err
}

func (s *Seen) seeProfile(ctx context.Context, c Clients, _ types.Filter) (err error) {
	s.Profile, err = findProfile(ctx, c.IAM, s.Cloud, gatewayName(s.Cloud, s.Region))
	return err
}

// findRole returns nil if there is no role of the cloud's.
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

// findProfile returns nil if there is no instance profile of the cloud's.
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

// unescaped reads a policy as IAM returns it: like a part of a URL (IAM API
// Reference, GetRolePolicy).
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

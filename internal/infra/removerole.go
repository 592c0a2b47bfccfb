// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"

	awsapi "macaw.example/internal/aws"

	"macaw.example/internal/inventory"
)

// deleteProfile removes the role first, as IAM requires (IAM API Reference, DeleteInstanceProfile).
func deleteProfile(seen inventory.InstanceProfile) step {
	return func(ctx context.Context, a *applier) error {
		if seen.Role != "" {
			if err := a.remove(ctx, func(ctx context.Context) error {
				_, err := a.iam.RemoveRoleFromInstanceProfile(ctx, &iam.RemoveRoleFromInstanceProfileInput{
					InstanceProfileName: aws.String(seen.Name), RoleName: aws.String(seen.Role),
				})
				return err
			}); err != nil {
				return err
			}
		}
		return a.remove(ctx, func(ctx context.Context) error {
			in := &iam.DeleteInstanceProfileInput{InstanceProfileName: aws.String(seen.Name)}
			_, err := a.iam.DeleteInstanceProfile(ctx, in)
			return err
		})
	}
}

// deleteRole removes every policy from the role first, as IAM requires (IAM API Reference,
// DeleteRole), including policies that the operator has added.
func deleteRole(name string) step {
	return func(ctx context.Context, a *applier) error {
		if err := a.remove(ctx, func(ctx context.Context) error { return a.deletePolicies(ctx, name) }); err != nil {
			return err
		}
		if err := a.remove(ctx, func(ctx context.Context) error { return a.detachPolicies(ctx, name) }); err != nil {
			return err
		}
		return a.remove(ctx, func(ctx context.Context) error {
			_, err := a.iam.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: aws.String(name)})
			return err
		})
	}
}

func (a *applier) deletePolicies(ctx context.Context, role string) error {
	in := &iam.ListRolePoliciesInput{RoleName: aws.String(role)}
	names, err := awsapi.Collect(ctx, iam.NewListRolePoliciesPaginator(a.iam, in),
		func(out *iam.ListRolePoliciesOutput) []string { return out.PolicyNames })
	if err != nil {
		return err
	}
	for _, name := range names {
		in := &iam.DeleteRolePolicyInput{RoleName: aws.String(role), PolicyName: aws.String(name)}
		if _, err := a.iam.DeleteRolePolicy(ctx, in); err != nil && !awsapi.IsNotFound(err) {
			return err
		}
	}
	return nil
}

func (a *applier) detachPolicies(ctx context.Context, role string) error {
	in := &iam.ListAttachedRolePoliciesInput{RoleName: aws.String(role)}
	attached, err := awsapi.Collect(ctx, iam.NewListAttachedRolePoliciesPaginator(a.iam, in),
		func(out *iam.ListAttachedRolePoliciesOutput) []iamtypes.AttachedPolicy { return out.AttachedPolicies })
	if err != nil {
		return err
	}
	for _, policy := range attached {
		in := &iam.DetachRolePolicyInput{RoleName: aws.String(role), PolicyArn: policy.PolicyArn}
		if _, err := a.iam.DetachRolePolicy(ctx, in); err != nil && !awsapi.IsNotFound(err) {
			return err
		}
	}
	return nil
}

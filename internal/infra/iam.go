// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"macaw.example/internal/inventory"
)

// Clients are the AWS API clients that this package uses.
type Clients struct {
	EC2 EC2
	IAM IAM
}

type iamOptions = func(*iam.Options)

// IAM is the subset of the IAM API that this package uses; *iam.Client implements it.
type IAM interface {
	inventory.IAMReader
	roleFinder
	roleMaker
	roleRemover
}

// roleFinder has further read-only calls.
type roleFinder interface {
	iam.ListRolePoliciesAPIClient
	iam.ListAttachedRolePoliciesAPIClient
}

type roleMaker interface {
	CreateRole(context.Context, *iam.CreateRoleInput, ...iamOptions) (*iam.CreateRoleOutput, error)
	UpdateAssumeRolePolicy(
		context.Context, *iam.UpdateAssumeRolePolicyInput, ...iamOptions) (*iam.UpdateAssumeRolePolicyOutput, error)
	PutRolePolicy(context.Context, *iam.PutRolePolicyInput, ...iamOptions) (*iam.PutRolePolicyOutput, error)
	CreateInstanceProfile(
		context.Context, *iam.CreateInstanceProfileInput, ...iamOptions) (*iam.CreateInstanceProfileOutput, error)
	AddRoleToInstanceProfile(
		context.Context, *iam.AddRoleToInstanceProfileInput, ...iamOptions) (*iam.AddRoleToInstanceProfileOutput, error)
}

type roleRemover interface {
	RemoveRoleFromInstanceProfile(
		context.Context, *iam.RemoveRoleFromInstanceProfileInput, ...iamOptions,
	) (*iam.RemoveRoleFromInstanceProfileOutput, error)
	DeleteInstanceProfile(
		context.Context, *iam.DeleteInstanceProfileInput, ...iamOptions) (*iam.DeleteInstanceProfileOutput, error)
	DeleteRolePolicy(context.Context, *iam.DeleteRolePolicyInput, ...iamOptions) (*iam.DeleteRolePolicyOutput, error)
	DetachRolePolicy(context.Context, *iam.DetachRolePolicyInput, ...iamOptions) (*iam.DetachRolePolicyOutput, error)
	DeleteRole(context.Context, *iam.DeleteRoleInput, ...iamOptions) (*iam.DeleteRoleOutput, error)
}

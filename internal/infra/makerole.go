// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"

	awsapi "macaw.example/internal/aws"

	"macaw.example/internal/iampolicy"
	"macaw.example/internal/inventory"
)

// alreadyExists is the code for a name in use (IAM API Reference, CreateRole).
const alreadyExists = "EntityAlreadyExists"

func (a *applier) iamTags(part string) (out []iamtypes.Tag) {
	for _, t := range awsapi.Tags(a.cloud, part) {
		out = append(out, iamtypes.Tag{Key: t.Key, Value: t.Value})
	}
	return out
}

// createRole makes the role. IAM has no ClientToken: an existing role of the name that is the
// cloud's means that an earlier try succeeded.
func createRole(h holder, name, trust string) step {
	return oneCall(func(ctx context.Context, a *applier) error {
		_, err := a.iam.CreateRole(ctx, &iam.CreateRoleInput{
			RoleName: aws.String(name), Path: aws.String(iampolicy.RolePath), AssumeRolePolicyDocument: aws.String(trust),
			Description: aws.String("Macaw cloud " + a.cloud + ", " + string(h)), Tags: a.iamTags(partOf(h, partRole)),
		})
		if errorCode(err) == alreadyExists {
			if r, roleErr := inventory.FindRole(ctx, a.iam, a.cloud, h, name); roleErr == nil && r != nil {
				return nil
			}
		}
		return err
	})
}

func putTrust(name, trust string) step {
	return oneCall(func(ctx context.Context, a *applier) error {
		_, err := a.iam.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{
			RoleName: aws.String(name), PolicyDocument: aws.String(trust),
		})
		return err
	})
}

func putRights(h holder, name, rights string) step {
	return oneCall(func(ctx context.Context, a *applier) error {
		_, err := a.iam.PutRolePolicy(ctx, &iam.PutRolePolicyInput{
			RoleName: aws.String(name), PolicyName: aws.String(string(h)), PolicyDocument: aws.String(rights),
		})
		return err
	})
}

func createProfile(h holder, name string) step {
	return oneCall(func(ctx context.Context, a *applier) error {
		out, err := a.iam.CreateInstanceProfile(ctx, &iam.CreateInstanceProfileInput{
			InstanceProfileName: aws.String(name), Path: aws.String(iampolicy.RolePath), Tags: a.iamTags(partOf(h, partProfile)),
		})
		if err == nil {
			a.set(partOf(h, partProfile), aws.ToString(out.InstanceProfile.InstanceProfileId))
		}
		if errorCode(err) == alreadyExists {
			if p, profileErr := inventory.FindProfile(ctx, a.iam, a.cloud, name); profileErr == nil && p != nil {
				a.set(partOf(h, partProfile), p.ID)
				return nil
			}
		}
		return err
	})
}

// fillProfile adds the role to the instance profile of the same name, which holds one role (IAM
// User Guide, reference_iam-quotas).
func fillProfile(name string) step {
	return oneCall(func(ctx context.Context, a *applier) error {
		p, err := a.iam.GetInstanceProfile(ctx, &iam.GetInstanceProfileInput{InstanceProfileName: aws.String(name)})
		if err != nil {
			return err
		}
		for _, r := range p.InstanceProfile.Roles {
			if aws.ToString(r.RoleName) == name {
				return nil
			}
			if _, err := a.iam.RemoveRoleFromInstanceProfile(ctx, &iam.RemoveRoleFromInstanceProfileInput{
				InstanceProfileName: aws.String(name), RoleName: r.RoleName,
			}); err != nil {
				return err
			}
		}
		_, err = a.iam.AddRoleToInstanceProfile(ctx, &iam.AddRoleToInstanceProfileInput{
			InstanceProfileName: aws.String(name), RoleName: aws.String(name),
		})
		return err
	}, "LimitExceeded") // the profile has a role that is not visible yet
}

// attachProfile associates the profile with an instance, replacing another one: an instance has at
// most one (EC2 API Reference, AssociateIamInstanceProfile).
func attachProfile(instance, part, name string) step {
	profile := &types.IamInstanceProfileSpecification{Name: aws.String(name)}
	return oneCall(func(ctx context.Context, a *applier) error {
		see := &ec2.DescribeIamInstanceProfileAssociationsInput{Filters: []types.Filter{
			awsapi.Filter("instance-id", a.id(instance)), awsapi.Filter("state", "associating", "associated"),
		}}
		out, err := a.api.DescribeIamInstanceProfileAssociations(ctx, see)
		if err != nil {
			return err
		}
		if all := out.IamInstanceProfileAssociations; len(all) > 0 {
			if has := all[0].IamInstanceProfile; has != nil && aws.ToString(has.Id) == a.id(part) {
				return nil
			}
			replace := &ec2.ReplaceIamInstanceProfileAssociationInput{
				AssociationId: all[0].AssociationId, IamInstanceProfile: profile,
			}
			_, err := a.api.ReplaceIamInstanceProfileAssociation(ctx, replace)
			return err
		}
		_, err = a.api.AssociateIamInstanceProfile(ctx, &ec2.AssociateIamInstanceProfileInput{
			InstanceId: aws.String(a.id(instance)), IamInstanceProfile: profile,
		})
		return err
	}, "IncorrectState", "IncorrectInstanceState") // an association that is not visible yet; a pending instance
}

package infra

import (
	"context"
	"net/url"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/smithy-go"
)

// fakeIAM is what the fake knows of IAM: roles with policies, and profiles that
// EC2 knows only a while after they are made.
type fakeIAM struct {
	roles    map[string]*iamtypes.Role
	rights   map[string]map[string]string // embedded policies by role and name
	attached map[string][]string
	profiles map[string]*iamtypes.InstanceProfile
	late     map[string]int // how often EC2 denies yet that it knows a profile
}

func newFakeIAM() fakeIAM {
	return fakeIAM{map[string]*iamtypes.Role{}, map[string]map[string]string{}, map[string][]string{}, map[string]*iamtypes.InstanceProfile{}, map[string]int{}}
}

func noSuchEntity[T any](m map[string]*T, name *string) (*T, error) {
	if v := m[*name]; v != nil {
		return v, nil
	}
	return nil, apiError("NoSuchEntity")
}

func (f *fake) GetRole(ctx context.Context, in *iam.GetRoleInput, _ ...iamOptions) (*iam.GetRoleOutput, error) {
	return do(ctx, f, "GetRole", func() (*iam.GetRoleOutput, error) {
		r, err := noSuchEntity(f.iam.roles, in.RoleName)
		return &iam.GetRoleOutput{Role: r}, err
	})
}

func (f *fake) GetRolePolicy(ctx context.Context, in *iam.GetRolePolicyInput, _ ...iamOptions) (*iam.GetRolePolicyOutput, error) {
	return do(ctx, f, "GetRolePolicy", func() (*iam.GetRolePolicyOutput, error) {
		text, ok := f.iam.rights[*in.RoleName][*in.PolicyName]
		if !ok {
			return nil, apiError("NoSuchEntity")
		}
		return &iam.GetRolePolicyOutput{PolicyDocument: aws.String(url.PathEscape(text))}, nil
	})
}

func (f *fake) GetInstanceProfile(ctx context.Context, in *iam.GetInstanceProfileInput, _ ...iamOptions) (*iam.GetInstanceProfileOutput, error) {
	return do(ctx, f, "GetInstanceProfile", func() (*iam.GetInstanceProfileOutput, error) {
		p, err := noSuchEntity(f.iam.profiles, in.InstanceProfileName)
		if err != nil {
			return nil, err
		}
		shown := *p
		return &iam.GetInstanceProfileOutput{InstanceProfile: &shown}, nil
	})
}

func (f *fake) ListRolePolicies(ctx context.Context, in *iam.ListRolePoliciesInput, _ ...iamOptions) (*iam.ListRolePoliciesOutput, error) {
	return do(ctx, f, "ListRolePolicies", func() (*iam.ListRolePoliciesOutput, error) {
		out := &iam.ListRolePoliciesOutput{}
		for name := range f.iam.rights[*in.RoleName] {
			out.PolicyNames = append(out.PolicyNames, name)
		}
		_, err := noSuchEntity(f.iam.roles, in.RoleName)
		return out, err
	})
}

func (f *fake) ListAttachedRolePolicies(ctx context.Context, in *iam.ListAttachedRolePoliciesInput, _ ...iamOptions) (*iam.ListAttachedRolePoliciesOutput, error) {
	return do(ctx, f, "ListAttachedRolePolicies", func() (*iam.ListAttachedRolePoliciesOutput, error) {
		out := &iam.ListAttachedRolePoliciesOutput{}
		for _, arn := range f.iam.attached[*in.RoleName] {
			out.AttachedPolicies = append(out.AttachedPolicies, iamtypes.AttachedPolicy{PolicyArn: aws.String(arn)})
		}
		_, err := noSuchEntity(f.iam.roles, in.RoleName)
		return out, err
	})
}

func (f *fake) CreateRole(ctx context.Context, in *iam.CreateRoleInput, _ ...iamOptions) (*iam.CreateRoleOutput, error) {
	return do(ctx, f, "CreateRole", func() (*iam.CreateRoleOutput, error) {
		if f.iam.roles[*in.RoleName] != nil {
			return nil, apiError("EntityAlreadyExists")
		}
		r := &iamtypes.Role{RoleName: in.RoleName, Path: in.Path, Tags: in.Tags, AssumeRolePolicyDocument: aws.String(url.PathEscape(*in.AssumeRolePolicyDocument))}
		f.iam.roles[*in.RoleName] = r
		f.iam.rights[*in.RoleName] = map[string]string{}
		return &iam.CreateRoleOutput{Role: r}, nil
	})
}

func (f *fake) UpdateAssumeRolePolicy(ctx context.Context, in *iam.UpdateAssumeRolePolicyInput, _ ...iamOptions) (*iam.UpdateAssumeRolePolicyOutput, error) {
	return do(ctx, f, "UpdateAssumeRolePolicy", func() (*iam.UpdateAssumeRolePolicyOutput, error) {
		r, err := noSuchEntity(f.iam.roles, in.RoleName)
		if err == nil {
			r.AssumeRolePolicyDocument = aws.String(url.PathEscape(*in.PolicyDocument))
		}
		return &iam.UpdateAssumeRolePolicyOutput{}, err
	})
}

func (f *fake) PutRolePolicy(ctx context.Context, in *iam.PutRolePolicyInput, _ ...iamOptions) (*iam.PutRolePolicyOutput, error) {
	return do(ctx, f, "PutRolePolicy", func() (*iam.PutRolePolicyOutput, error) {
		_, err := noSuchEntity(f.iam.roles, in.RoleName)
		if err == nil {
			f.iam.rights[*in.RoleName][*in.PolicyName] = *in.PolicyDocument
		}
		return &iam.PutRolePolicyOutput{}, err
	})
}

func (f *fake) CreateInstanceProfile(ctx context.Context, in *iam.CreateInstanceProfileInput, _ ...iamOptions) (*iam.CreateInstanceProfileOutput, error) {
	return do(ctx, f, "CreateInstanceProfile", func() (*iam.CreateInstanceProfileOutput, error) {
		name := *in.InstanceProfileName
		if f.iam.profiles[name] != nil {
			return nil, apiError("EntityAlreadyExists")
		}
		p := &iamtypes.InstanceProfile{InstanceProfileName: in.InstanceProfileName, InstanceProfileId: f.newID("AIPA"), Tags: in.Tags,
			Arn: aws.String("arn:aws:iam::123456789012:instance-profile" + *in.Path + name)}
		f.iam.profiles[name], f.iam.late[name] = p, 2
		return &iam.CreateInstanceProfileOutput{InstanceProfile: p}, nil
	})
}

func (f *fake) AddRoleToInstanceProfile(ctx context.Context, in *iam.AddRoleToInstanceProfileInput, _ ...iamOptions) (*iam.AddRoleToInstanceProfileOutput, error) {
	return do(ctx, f, "AddRoleToInstanceProfile", func() (*iam.AddRoleToInstanceProfileOutput, error) {
		p, err := noSuchEntity(f.iam.profiles, in.InstanceProfileName)
		if err != nil {
			return nil, err
		}
		if len(p.Roles) > 0 {
			return nil, apiError("LimitExceeded")
		}
		r, err := noSuchEntity(f.iam.roles, in.RoleName)
		if err == nil {
			p.Roles = []iamtypes.Role{*r}
		}
		return &iam.AddRoleToInstanceProfileOutput{}, err
	})
}

func (f *fake) RemoveRoleFromInstanceProfile(ctx context.Context, in *iam.RemoveRoleFromInstanceProfileInput, _ ...iamOptions) (*iam.RemoveRoleFromInstanceProfileOutput, error) {
	return do(ctx, f, "RemoveRoleFromInstanceProfile", func() (*iam.RemoveRoleFromInstanceProfileOutput, error) {
		p, err := noSuchEntity(f.iam.profiles, in.InstanceProfileName)
		if err != nil || len(p.Roles) == 0 {
			return nil, apiError("NoSuchEntity")
		}
		p.Roles = nil
		return &iam.RemoveRoleFromInstanceProfileOutput{}, nil
	})
}

func (f *fake) DeleteInstanceProfile(ctx context.Context, in *iam.DeleteInstanceProfileInput, _ ...iamOptions) (*iam.DeleteInstanceProfileOutput, error) {
	return do(ctx, f, "DeleteInstanceProfile", func() (*iam.DeleteInstanceProfileOutput, error) {
		p, err := noSuchEntity(f.iam.profiles, in.InstanceProfileName)
		if err == nil && len(p.Roles) > 0 {
			err = apiError("DeleteConflict")
		}
		if err == nil {
			delete(f.iam.profiles, *in.InstanceProfileName)
		}
		return &iam.DeleteInstanceProfileOutput{}, err
	})
}

func (f *fake) DeleteRolePolicy(ctx context.Context, in *iam.DeleteRolePolicyInput, _ ...iamOptions) (*iam.DeleteRolePolicyOutput, error) {
	return do(ctx, f, "DeleteRolePolicy", func() (*iam.DeleteRolePolicyOutput, error) {
		delete(f.iam.rights[*in.RoleName], *in.PolicyName)
		return &iam.DeleteRolePolicyOutput{}, nil
	})
}

func (f *fake) DetachRolePolicy(ctx context.Context, in *iam.DetachRolePolicyInput, _ ...iamOptions) (*iam.DetachRolePolicyOutput, error) {
	return do(ctx, f, "DetachRolePolicy", func() (*iam.DetachRolePolicyOutput, error) {
		f.iam.attached[*in.RoleName] = slices.DeleteFunc(f.iam.attached[*in.RoleName], func(arn string) bool { return arn == *in.PolicyArn })
		return &iam.DetachRolePolicyOutput{}, nil
	})
}

func (f *fake) DeleteRole(ctx context.Context, in *iam.DeleteRoleInput, _ ...iamOptions) (*iam.DeleteRoleOutput, error) {
	return do(ctx, f, "DeleteRole", func() (*iam.DeleteRoleOutput, error) {
		name := *in.RoleName
		if _, err := noSuchEntity(f.iam.roles, in.RoleName); err != nil {
			return nil, err
		}
		for _, p := range f.iam.profiles {
			if len(p.Roles) > 0 && *p.Roles[0].RoleName == name {
				return nil, apiError("DeleteConflict")
			}
		}
		if len(f.iam.rights[name])+len(f.iam.attached[name]) > 0 {
			return nil, apiError("DeleteConflict")
		}
		delete(f.iam.roles, name)
		return &iam.DeleteRoleOutput{}, nil
	})
}

// errProfile is of a code that says little.
var errProfile = &smithy.GenericAPIError{Code: "InvalidParameterValue", Message: "Value (x) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name"}

// profileOf is the profile that a call of EC2 names.
func (f *fake) profileOf(spec *types.IamInstanceProfileSpecification) (*types.IamInstanceProfile, error) {
	if spec == nil {
		return nil, nil
	}
	p := f.iam.profiles[*spec.Name]
	if p == nil || len(p.Roles) == 0 {
		return nil, errProfile
	}
	if f.iam.late[*spec.Name] > 0 {
		f.iam.late[*spec.Name]--
		return nil, errProfile
	}
	return &types.IamInstanceProfile{Arn: p.Arn, Id: p.InstanceProfileId}, nil
}

func (f *fake) DescribeIamInstanceProfileAssociations(ctx context.Context, in *ec2.DescribeIamInstanceProfileAssociationsInput, _ ...options) (*ec2.DescribeIamInstanceProfileAssociationsOutput, error) {
	return do(ctx, f, "DescribeIamInstanceProfileAssociations", func() (*ec2.DescribeIamInstanceProfileAssociationsOutput, error) {
		out := &ec2.DescribeIamInstanceProfileAssociationsOutput{}
		if i := f.instances[in.Filters[0].Values[0]]; i.IamInstanceProfile != nil {
			out.IamInstanceProfileAssociations = []types.IamInstanceProfileAssociation{{
				AssociationId: aws.String("iip-assoc-" + *i.InstanceId), InstanceId: i.InstanceId, IamInstanceProfile: i.IamInstanceProfile}}
		}
		return out, nil
	})
}

func (f *fake) AssociateIamInstanceProfile(ctx context.Context, in *ec2.AssociateIamInstanceProfileInput, _ ...options) (*ec2.AssociateIamInstanceProfileOutput, error) {
	return do(ctx, f, "AssociateIamInstanceProfile", func() (*ec2.AssociateIamInstanceProfileOutput, error) {
		i := f.instances[*in.InstanceId]
		if i.IamInstanceProfile != nil {
			return nil, apiError("IncorrectState")
		}
		var err error
		i.IamInstanceProfile, err = f.profileOf(in.IamInstanceProfile)
		return &ec2.AssociateIamInstanceProfileOutput{}, err
	})
}

func (f *fake) ReplaceIamInstanceProfileAssociation(ctx context.Context, in *ec2.ReplaceIamInstanceProfileAssociationInput, _ ...options) (*ec2.ReplaceIamInstanceProfileAssociationOutput, error) {
	return do(ctx, f, "ReplaceIamInstanceProfileAssociation", func() (*ec2.ReplaceIamInstanceProfileAssociationOutput, error) {
		p, err := f.profileOf(in.IamInstanceProfile)
		for _, i := range f.instances {
			if err == nil && *in.AssociationId == "iip-assoc-"+*i.InstanceId {
				i.IamInstanceProfile = p
			}
		}
		return &ec2.ReplaceIamInstanceProfileAssociationOutput{}, err
	})
}

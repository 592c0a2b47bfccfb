// SPDX-License-Identifier: Apache-2.0

package iam_test

import (
	awspolicy "github.com/hashicorp/awspolicyequivalence"

	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// same reports whether two documents mean the same: IAM changes their form.
func same(a, b string) bool {
	equal, err := awspolicy.PoliciesAreEquivalent(a, b)
	return err == nil && equal
}

func TestRole(t *testing.T) {
	a := newAccount(t)
	made := must(a.CreateRole(a.ctx,
		&iam.CreateRoleInput{RoleName: aws.String("node"), Path: aws.String("/team/"),
			AssumeRolePolicyDocument: aws.String(trustEC2),
			Description:              aws.String("of a node"), Tags: []types.Tag{{Key: aws.String("Cloud"),
				Value: aws.String("blue")}}}))(a).Role
	if *made.Arn != "arn:aws:iam::123456789012:role/team/node" || !strings.HasPrefix(*made.RoleId, "AROA") ||
		*made.MaxSessionDuration != 3600 || len(made.Tags) != 1 {
		t.Errorf("made %+v", made)
	}
	got := must(a.GetRole(a.ctx, &iam.GetRoleInput{RoleName: aws.String("node")}))(a).Role
	document, err := url.QueryUnescape(*got.AssumeRolePolicyDocument)
	if err != nil || !same(document, trustEC2) || document == trustEC2 {
		t.Errorf("trust policy %q, %v", document, err)
	}
	if since := time.Since(*got.CreateDate); since < 0 || since > time.Minute {
		t.Errorf("made at %v", got.CreateDate)
	}
	must(a.TagRole(a.ctx, &iam.TagRoleInput{RoleName: aws.String("node"),
		Tags: []types.Tag{{Key: aws.String("Name"), Value: aws.String("n")}}}))(a)
	must(a.UntagRole(a.ctx, &iam.UntagRoleInput{RoleName: aws.String("node"), TagKeys: []string{"Cloud"}}))(a)
	if tags := must(a.ListRoleTags(a.ctx, &iam.ListRoleTagsInput{RoleName: aws.String("node")}))(a).Tags; len(tags) != 1 ||
		*tags[0].Key != "Name" {
		t.Errorf("tags %+v", tags)
	}
	must(a.UpdateAssumeRolePolicy(a.ctx,
		&iam.UpdateAssumeRolePolicyInput{RoleName: aws.String("node"), PolicyDocument: aws.String(trustAWS("*"))}))(a)
	must(a.PutRolePolicy(a.ctx, &iam.PutRolePolicyInput{RoleName: aws.String("node"), PolicyName: aws.String("p"),
		PolicyDocument: aws.String(allowEC2)}))(a)
	inline := must(a.GetRolePolicy(a.ctx,
		&iam.GetRolePolicyInput{RoleName: aws.String("node"), PolicyName: aws.String("p")}))(a)
	if document, _ := url.QueryUnescape(*inline.PolicyDocument); !same(document, allowEC2) || *inline.RoleName != "node" {
		t.Errorf("policy %+v", inline)
	}
	if names := must(a.ListRolePolicies(a.ctx,
		&iam.ListRolePoliciesInput{RoleName: aws.String("node")}))(a).PolicyNames; !slices.Equal(names, []string{"p"}) {
		t.Errorf("policies %v", names)
	}
	_, err = a.DeleteRole(a.ctx, &iam.DeleteRoleInput{RoleName: aws.String("node")})
	a.wantCode(err, "DeleteConflict")
	must(a.DeleteRolePolicy(a.ctx,
		&iam.DeleteRolePolicyInput{RoleName: aws.String("node"), PolicyName: aws.String("p")}))(a)
	must(a.DeleteRole(a.ctx, &iam.DeleteRoleInput{RoleName: aws.String("node")}))(a)
	_, err = a.GetRole(a.ctx, &iam.GetRoleInput{RoleName: aws.String("node")})
	a.wantCode(err, "NoSuchEntity")
}

func TestManagedPolicy(t *testing.T) {
	a := newAccount(t)
	a.role("node", trustEC2)
	arn := must(a.CreatePolicy(a.ctx,
		&iam.CreatePolicyInput{PolicyName: aws.String("p"), PolicyDocument: aws.String(allowEC2)}))(a).Policy.Arn
	must(a.AttachRolePolicy(a.ctx, &iam.AttachRolePolicyInput{RoleName: aws.String("node"), PolicyArn: arn}))(a)
	must(a.AttachRolePolicy(a.ctx,
		&iam.AttachRolePolicyInput{RoleName: aws.String("node"),
			PolicyArn: aws.String("arn:aws:iam::aws:policy/AmazonEC2ReadOnlyAccess")}))(a)
	attached := must(a.ListAttachedRolePolicies(a.ctx,
		&iam.ListAttachedRolePoliciesInput{RoleName: aws.String("node")}))(a).AttachedPolicies
	if len(attached) != 2 {
		t.Errorf("attached %+v", attached)
	}
	p := must(a.GetPolicy(a.ctx, &iam.GetPolicyInput{PolicyArn: arn}))(a).Policy
	if *p.AttachmentCount != 1 || *p.DefaultVersionId != "v1" {
		t.Errorf("policy %+v", p)
	}
	for range 4 {
		must(a.CreatePolicyVersion(a.ctx,
			&iam.CreatePolicyVersionInput{PolicyArn: arn, PolicyDocument: aws.String(allowEC2), SetAsDefault: true}))(a)
	}
	_, err := a.CreatePolicyVersion(a.ctx,
		&iam.CreatePolicyVersionInput{PolicyArn: arn, PolicyDocument: aws.String(allowEC2)})
	a.wantCode(err, "LimitExceeded")
	versions := must(a.ListPolicyVersions(a.ctx, &iam.ListPolicyVersionsInput{PolicyArn: arn}))(a).Versions
	if len(versions) != 5 || *versions[0].VersionId != "v5" || !versions[0].IsDefaultVersion {
		t.Errorf("versions %+v", versions)
	}
	_, err = a.DeletePolicyVersion(a.ctx, &iam.DeletePolicyVersionInput{PolicyArn: arn, VersionId: aws.String("v5")})
	a.wantCode(err, "DeleteConflict")
	_, err = a.DeletePolicy(a.ctx, &iam.DeletePolicyInput{PolicyArn: arn})
	a.wantCode(err, "DeleteConflict")
	must(a.DetachRolePolicy(a.ctx, &iam.DetachRolePolicyInput{RoleName: aws.String("node"), PolicyArn: arn}))(a)
	for _, v := range []string{"v1", "v2", "v3", "v4"} {
		must(a.DeletePolicyVersion(a.ctx, &iam.DeletePolicyVersionInput{PolicyArn: arn, VersionId: &v}))(a)
	}
	must(a.DeletePolicy(a.ctx, &iam.DeletePolicyInput{PolicyArn: arn}))(a)
	if local := must(a.ListPolicies(a.ctx,
		&iam.ListPoliciesInput{Scope: types.PolicyScopeTypeLocal}))(a).Policies; len(local) != 0 {
		t.Errorf("left %+v", local)
	}
}

func TestInstanceProfile(t *testing.T) {
	a := newAccount(t)
	a.role("node", trustEC2)
	a.role("other", trustEC2)
	made := must(a.CreateInstanceProfile(a.ctx,
		&iam.CreateInstanceProfileInput{InstanceProfileName: aws.String("prof")}))(a).InstanceProfile
	must(a.AddRoleToInstanceProfile(a.ctx,
		&iam.AddRoleToInstanceProfileInput{InstanceProfileName: aws.String("prof"), RoleName: aws.String("node")}))(a)
	_, err := a.AddRoleToInstanceProfile(a.ctx,
		&iam.AddRoleToInstanceProfileInput{InstanceProfileName: aws.String("prof"), RoleName: aws.String("other")})
	a.wantCode(err, "LimitExceeded")
	got := must(a.GetInstanceProfile(a.ctx,
		&iam.GetInstanceProfileInput{InstanceProfileName: aws.String("prof")}))(a).InstanceProfile
	if len(got.Roles) != 1 || *got.Roles[0].RoleName != "node" {
		t.Errorf("profile %+v", got)
	}
	of := must(a.ListInstanceProfilesForRole(a.ctx,
		&iam.ListInstanceProfilesForRoleInput{RoleName: aws.String("node")}))(a).InstanceProfiles
	if len(of) != 1 {
		t.Errorf("profiles of the role: %+v", of)
	}
	for _, name := range []string{"prof", *made.Arn} {
		if arn, id, ok := a.store.Profile(name); !ok || arn != *made.Arn || id != *made.InstanceProfileId {
			t.Errorf("profile %s is %s, %s, %v", name, arn, id, ok)
		}
	}
	if _, _, ok := a.store.Profile("arn:aws:iam::123456789012:instance-profile/elsewhere/prof"); ok {
		t.Error("a profile is found under another path")
	}
	_, err = a.DeleteRole(a.ctx, &iam.DeleteRoleInput{RoleName: aws.String("node")})
	a.wantCode(err, "DeleteConflict")
	_, err = a.DeleteInstanceProfile(a.ctx, &iam.DeleteInstanceProfileInput{InstanceProfileName: aws.String("prof")})
	a.wantCode(err, "DeleteConflict")
	// The SDK's waiter relies on NoSuchEntity and success.
	if err := iam.NewInstanceProfileExistsWaiter(a.Client).Wait(a.ctx,
		&iam.GetInstanceProfileInput{InstanceProfileName: aws.String("prof")}, time.Minute); err != nil {
		t.Error(err)
	}
}

func TestErrors(t *testing.T) {
	a := newAccount(t)
	a.role("node", trustEC2)
	a.user("ann", "")
	long := strings.Repeat("x", 11000)
	for name, c := range map[string]struct {
		call func() error
		want string
	}{
		"role twice": {func() error {
			_, err := a.CreateRole(a.ctx, &iam.CreateRoleInput{RoleName: aws.String("NODE"),
				AssumeRolePolicyDocument: aws.String(trustEC2)})
			return err
		}, "EntityAlreadyExists"},
		"bad name": {func() error {
			_, err := a.CreateRole(a.ctx, &iam.CreateRoleInput{RoleName: aws.String("a b"),
				AssumeRolePolicyDocument: aws.String(trustEC2)})
			return err
		}, "ValidationError"},
		"bad trust": {func() error {
			_, err := a.CreateRole(a.ctx, &iam.CreateRoleInput{RoleName: aws.String("b"),
				AssumeRolePolicyDocument: aws.String(allowEC2)})
			return err
		}, "MalformedPolicyDocument"},
		"bad policy": {func() error {
			_, err := a.PutRolePolicy(a.ctx,
				&iam.PutRolePolicyInput{RoleName: aws.String("node"), PolicyName: aws.String("p"),
					PolicyDocument: aws.String("{}")})
			return err
		}, "MalformedPolicyDocument"},
		"long policy": {func() error {
			_, err := a.PutRolePolicy(a.ctx, &iam.PutRolePolicyInput{RoleName: aws.String("node"), PolicyName: aws.String("p"),
				PolicyDocument: aws.String(strings.Replace(allowEC2, "ec2:*", "ec2:"+long, 1))})
			return err
		}, "LimitExceeded"},
		"policy of nobody": {func() error {
			_, err := a.PutRolePolicy(a.ctx,
				&iam.PutRolePolicyInput{RoleName: aws.String("x"), PolicyName: aws.String("p"),
					PolicyDocument: aws.String(allowEC2)})
			return err
		}, "NoSuchEntity"},
		"attach nothing": {func() error {
			_, err := a.AttachRolePolicy(a.ctx,
				&iam.AttachRolePolicyInput{RoleName: aws.String("node"),
					PolicyArn: aws.String("arn:aws:iam::123456789012:policy/nothing")})
			return err
		}, "NoSuchEntity"},
		"change AWS's": {func() error {
			_, err := a.DeletePolicy(a.ctx,
				&iam.DeletePolicyInput{PolicyArn: aws.String("arn:aws:iam::aws:policy/AmazonEC2FullAccess")})
			return err
		}, "AccessDenied"},
		"user with a key": {func() error {
			_, err := a.DeleteUser(a.ctx, &iam.DeleteUserInput{UserName: aws.String("ann")})
			return err
		}, "DeleteConflict"},
		"bad marker": {func() error {
			_, err := a.ListRoles(a.ctx, &iam.ListRolesInput{Marker: aws.String("%%%")})
			return err
		}, "ValidationError"},
		"unknown action": {func() error {
			_, err := a.CreateGroup(a.ctx, &iam.CreateGroupInput{GroupName: aws.String("g")})
			return err
		}, "InvalidAction"},
		"unknown key": {func() error {
			_, err := a.as("AKIANOBODY", "x", "").ListRoles(a.ctx, &iam.ListRolesInput{})
			return err
		}, "InvalidClientTokenId"},
	} {
		t.Run(name, func(t *testing.T) { a.wantCode(c.call(), c.want) })
	}
}

func TestPages(t *testing.T) {
	a := newAccount(t)
	for i := range 7 {
		a.role(fmt.Sprintf("r%d", i), trustEC2)
	}
	var names []string
	pages := 0
	for p := iam.NewListRolesPaginator(a.Client, &iam.ListRolesInput{MaxItems: aws.Int32(3)}); p.HasMorePages(); pages++ {
		for _, r := range must(p.NextPage(a.ctx))(a).Roles {
			names = append(names, *r.RoleName)
		}
	}
	if pages != 3 || !slices.Equal(names, []string{"r0", "r1", "r2", "r3", "r4", "r5", "r6"}) {
		t.Errorf("%d pages with %v", pages, names)
	}
}

func TestUserWithRestrictedRights(t *testing.T) {
	a := newAccount(t)
	a.role("node", trustEC2)
	id, secret := a.user("ann", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:GetRole","Resource":"arn:aws:iam::*:role/node"},{"Effect":"Deny","Action":"iam:ListRoles","Resource":"*"}]}`)
	ann := a.as(id, secret, "")
	must(ann.GetRole(a.ctx, &iam.GetRoleInput{RoleName: aws.String("node")}))(a)
	_, err := ann.GetRole(a.ctx, &iam.GetRoleInput{RoleName: aws.String("other")})
	a.wantCode(err, "AccessDenied")
	want := "User: arn:aws:iam::123456789012:user/ann is not authorized to perform: iam:GetRole on resource: " +
		"arn:aws:iam::123456789012:role/other because no identity-based policy allows the iam:GetRole action"
	if !strings.Contains(err.Error(), want) {
		t.Errorf("says %v, want %s", err, want)
	}
	_, err = ann.ListRoles(a.ctx, &iam.ListRolesInput{})
	if a.wantCode(err, "AccessDenied"); !strings.Contains(err.Error(), "explicit deny") {
		t.Errorf("says %v", err)
	}
	must(a.UpdateAccessKey(a.ctx, &iam.UpdateAccessKeyInput{UserName: aws.String("ann"), AccessKeyId: &id,
		Status: types.StatusTypeInactive}))(a)
	_, err = ann.GetRole(a.ctx, &iam.GetRoleInput{RoleName: aws.String("node")})
	a.wantCode(err, "InvalidClientTokenId")
}

func TestStateSurvives(t *testing.T) {
	a := newAccount(t)
	a.role("node", trustEC2)
	id, secret := a.user("ann", allowEC2)
	a.open()
	must(a.GetRole(a.ctx, &iam.GetRoleInput{RoleName: aws.String("node")}))(a)
	if arn := *must(a.sts(id, secret, "").GetCallerIdentity(a.ctx,
		nil))(a).Arn; arn != "arn:aws:iam::123456789012:user/ann" {
		t.Errorf("the key is %s's", arn)
	}
	st, err := os.Stat(a.file)
	if err != nil {
		t.Fatal(err)
	}
	if st.Mode().Perm() != 0o600 {
		t.Errorf("mode %04o, want 0600", st.Mode().Perm())
	}
}

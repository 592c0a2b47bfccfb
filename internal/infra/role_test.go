// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/iampolicy"
	"macaw.example/internal/model"
)

const testRole = "macaw-first-gateway-" + labRegion

// takeProfile disassociates the instance profiles from all instances.
func (l *labAccount) takeProfile(t *testing.T) {
	t.Helper()
	all := got(l.root.DescribeIamInstanceProfileAssociations(ctx, &ec2.DescribeIamInstanceProfileAssociationsInput{}))
	for _, a := range all.IamInstanceProfileAssociations {
		in := &ec2.DisassociateIamInstanceProfileInput{AssociationId: a.AssociationId}
		got(l.root.DisassociateIamInstanceProfile(ctx, in))
	}
}

// emptyProfile removes the role from the gateways' instance profile.
func (l *labAccount) emptyProfile(t *testing.T) {
	t.Helper()
	got(l.iam.RemoveRoleFromInstanceProfile(ctx, &awsiam.RemoveRoleFromInstanceProfileInput{
		InstanceProfileName: aws.String(testRole), RoleName: aws.String(testRole),
	}))
}

func (l *labAccount) deleteProfile(t *testing.T) {
	t.Helper()
	l.emptyProfile(t)
	got(l.iam.DeleteInstanceProfile(ctx, &awsiam.DeleteInstanceProfileInput{InstanceProfileName: aws.String(testRole)}))
}

func (l *labAccount) deleteRole(t *testing.T) {
	t.Helper()
	got(l.iam.DeleteRolePolicy(ctx, &awsiam.DeleteRolePolicyInput{
		RoleName: aws.String(testRole), PolicyName: aws.String(string(gatewayHolder)),
	}))
	got(l.iam.DeleteRole(ctx, &awsiam.DeleteRoleInput{RoleName: aws.String(testRole)}))
}

// A running instance that was made without the profile, or whose profile was made anew under the
// same name, gets it.
func TestRunningInstanceGetsTheProfile(t *testing.T) {
	l, w := newLab(t, 5), wanted(t, "")
	id := bringUp(t, l, w).Nodes[0].InstanceID
	for name, breakIt := range map[string]func(){
		"made without":  func() { l.takeProfile(t) },
		"profile anew":  func() { l.deleteProfile(t) },
		"all made anew": func() { l.deleteProfile(t); l.deleteRole(t) },
	} {
		breakIt()
		if again := bringUp(t, l, w).Nodes[0].InstanceID; again != id {
			t.Fatalf("%s: another instance", name)
		}
		on := got(l.root.DescribeInstances(ctx, &ec2.DescribeInstancesInput{})).Reservations[0].Instances[0]
		profile := got(l.iam.GetInstanceProfile(ctx, &awsiam.GetInstanceProfileInput{
			InstanceProfileName: aws.String(testRole),
		})).InstanceProfile
		if got, want := *on.IamInstanceProfile.Id, *profile.InstanceProfileId; got != want {
			t.Errorf("%s: the instance has profile %s, not %s", name, got, want)
		}
	}
}

// A role of the same name without the cloud's tag is left alone.
func TestRoleOfSomebodyElse(t *testing.T) {
	l, w := newLab(t, 5), wanted(t, "")
	bringUp(t, l, w)
	got(l.iam.UntagRole(ctx, &awsiam.UntagRoleInput{
		RoleName: aws.String(testRole), TagKeys: []string{awsapi.TagCloud},
	}))
	_, _, err := labUp(ctx, l.Clients, w)
	if errorCode(err) != "EntityAlreadyExists" || !strings.Contains(err.Error(), "creating iam role") {
		t.Errorf("error: %v", err)
	}
	takeDown(t, l, "first", testRole)
}

// The role replaces another one that the operator has put into the profile, and policies that the
// operator has added to the role are removed with it.
func TestOperatorsChangesToTheRole(t *testing.T) {
	l, w := newLab(t, 5), wanted(t, "")
	bringUp(t, l, w)
	name, other := aws.String(testRole), aws.String("other")
	got(l.iam.CreateRole(ctx, &awsiam.CreateRoleInput{
		RoleName: other, AssumeRolePolicyDocument: aws.String(iampolicy.Trust(labRegion).Text()),
	}))
	l.emptyProfile(t)
	got(l.iam.AddRoleToInstanceProfile(ctx, &awsiam.AddRoleToInstanceProfileInput{
		InstanceProfileName: name, RoleName: other,
	}))
	bringUp(t, l, w)
	profile := got(l.iam.GetInstanceProfile(ctx, &awsiam.GetInstanceProfileInput{
		InstanceProfileName: name,
	})).InstanceProfile
	if got := *profile.Roles[0].RoleName; got != testRole {
		t.Errorf("the profile has role %s", got)
	}
	got(l.iam.PutRolePolicy(ctx, &awsiam.PutRolePolicyInput{
		RoleName: name, PolicyName: aws.String("more"),
		PolicyDocument: aws.String(iampolicy.OfGateways(w.Cloud, labRegion).Text()),
	}))
	got(l.iam.AttachRolePolicy(ctx, &awsiam.AttachRolePolicyInput{
		RoleName: name, PolicyArn: aws.String("arn:aws:iam::aws:policy/AmazonSSMReadOnlyAccess"),
	}))
	if p := planOf(t, l, w); p != "" {
		t.Errorf("the plan is not empty:\n%s", p)
	}
	takeDown(t, l, "first", *other)
}

// Only gateways have rights.
func TestNoRoleWithoutGateway(t *testing.T) {
	l, w := newLab(t, 5), wanted(t, "")
	w.Cloud.Nodes[0].Roles = []model.Role{model.Controller}
	bringUp(t, l, w)
	on := got(l.root.DescribeInstances(ctx, &ec2.DescribeInstancesInput{})).Reservations[0].Instances[0]
	roles := got(l.iam.ListRoles(ctx, &awsiam.ListRolesInput{})).Roles
	profiles := got(l.iam.ListInstanceProfiles(ctx, &awsiam.ListInstanceProfilesInput{})).InstanceProfiles
	if len(roles)+len(profiles) != 0 || on.IamInstanceProfile != nil {
		t.Error("made a role for a node that is no gateway")
	}
}

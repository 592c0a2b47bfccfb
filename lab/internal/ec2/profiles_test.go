// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// fakeProfiles are profiles by name; an ARN ends with the name.
type fakeProfiles map[string]string

func (f fakeProfiles) Profile(nameOrARN string) (arn, id string, ok bool) {
	const prefix = "arn:aws:iam::123456789012:instance-profile/"
	for name, id := range f {
		if nameOrARN == name || nameOrARN == prefix+name {
			return prefix + name, id, true
		}
	}
	return "", "", false
}

func TestInstanceProfiles(t *testing.T) {
	l := newLab(t, func(c *Config) { c.Profiles = fakeProfiles{"gateway": "AIPAGATEWAY", "other": "AIPAOTHER"} })
	s := l.subnet(l.vpc("10.0.0.0/16"), "10.0.0.0/24")
	in := func(name string) *ec2.RunInstancesInput {
		return &ec2.RunInstancesInput{ImageId: aws.String(stockAMI), InstanceType: "t3.small", MinCount: aws.Int32(1),
			MaxCount: aws.Int32(2), SubnetId: &s,
			IamInstanceProfile: &types.IamInstanceProfileSpecification{Name: &name}}
	}
	_, err := l.RunInstances(l.ctx, in("moon"))
	l.wantCode(err, "InvalidParameterValue")
	want := "Value (moon) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name"
	if apiMessage(err) != want {
		t.Errorf("the refusal is %q, want %q", apiMessage(err), want)
	}
	run := must(l.RunInstances(l.ctx, in("gateway")))(l)
	id := run.Instances[0].InstanceId
	if *run.Instances[0].IamInstanceProfile.Id != "AIPAGATEWAY" {
		t.Errorf("launched with %+v", run.Instances[0].IamInstanceProfile)
	}
	if m, _ := l.state.Metadata(*run.Instances[0].NetworkInterfaces[0].NetworkInterfaceId); m.Profile.ID != "AIPAGATEWAY" {
		t.Errorf("the metadata service has %+v", m.Profile)
	}
	describe := func(filters ...types.Filter) []types.IamInstanceProfileAssociation {
		return must(l.DescribeIamInstanceProfileAssociations(l.ctx,
			&ec2.DescribeIamInstanceProfileAssociationsInput{Filters: filters}))(l).IamInstanceProfileAssociations
	}
	if all := describe(); len(all) != 2 || *all[0].AssociationId == *all[1].AssociationId {
		t.Errorf("described %+v", all)
	}
	mine := types.Filter{Name: aws.String("instance-id"), Values: []string{*id}}
	first := describe(mine)[0]
	named := func(name string) *types.IamInstanceProfileSpecification {
		return &types.IamInstanceProfileSpecification{Arn: aws.String("arn:aws:iam::123456789012:instance-profile/" + name)}
	}
	_, err = l.AssociateIamInstanceProfile(l.ctx,
		&ec2.AssociateIamInstanceProfileInput{InstanceId: id, IamInstanceProfile: named("other")})
	l.wantCode(err, "IncorrectState")
	replaced := must(l.ReplaceIamInstanceProfileAssociation(l.ctx,
		&ec2.ReplaceIamInstanceProfileAssociationInput{AssociationId: first.AssociationId,
			IamInstanceProfile: named("other")}))(l)
	if a := replaced.IamInstanceProfileAssociation; a.State != "associating" || *a.AssociationId == *first.AssociationId ||
		*a.IamInstanceProfile.Id != "AIPAOTHER" {
		t.Errorf("replaced %+v", a)
	}
	_, err = l.DisassociateIamInstanceProfile(l.ctx,
		&ec2.DisassociateIamInstanceProfileInput{AssociationId: first.AssociationId})
	l.wantCode(err, "InvalidAssociationID.NotFound")
	must(l.DisassociateIamInstanceProfile(l.ctx,
		&ec2.DisassociateIamInstanceProfileInput{AssociationId: describe(mine)[0].AssociationId}))(l)
	if all := describe(mine); len(all) != 0 {
		t.Errorf("left are %+v", all)
	}
	_, err = l.AssociateIamInstanceProfile(l.ctx,
		&ec2.AssociateIamInstanceProfileInput{InstanceId: id, IamInstanceProfile: named("moon")})
	l.wantCode(err, "InvalidParameterValue")
	must(l.AssociateIamInstanceProfile(l.ctx,
		&ec2.AssociateIamInstanceProfileInput{InstanceId: id, IamInstanceProfile: named("gateway")}))(l)
	must(l.TerminateInstances(l.ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{*id}}))(l)
	l.wait(*id, "terminated")
	if all := describe(mine); len(all) != 0 {
		t.Errorf("a terminated instance has %+v", all)
	}
}

func TestNoProfiles(t *testing.T) {
	l := newLab(t)
	s := l.subnet(l.vpc("10.0.0.0/16"), "10.0.0.0/24")
	_, err := l.RunInstances(l.ctx, &ec2.RunInstancesInput{ImageId: aws.String(stockAMI), InstanceType: "t3.small",
		MinCount: aws.Int32(1), MaxCount: aws.Int32(1),
		SubnetId: &s, IamInstanceProfile: &types.IamInstanceProfileSpecification{Name: aws.String("gateway")}})
	l.wantCode(err, "InvalidParameterValue")
}

// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	awsapi "macaw.example/internal/aws"
)

// The account begins without a default VPC; CreateDefaultVpc makes it, once.
func TestDefaultVPC(t *testing.T) {
	l := newLab(t)
	launch := func(zone string) (*ec2.RunInstancesOutput, error) {
		in := &ec2.RunInstancesInput{ImageId: aws.String(stockAMI), MinCount: aws.Int32(1), MaxCount: aws.Int32(1)}
		if zone != "" {
			in.Placement = &types.Placement{AvailabilityZone: &zone}
		}
		return l.RunInstances(l.ctx, in)
	}
	group := &ec2.CreateSecurityGroupInput{GroupName: aws.String("web"), Description: aws.String("web")}
	named := &ec2.DescribeSecurityGroupsInput{GroupNames: []string{"web"}}
	_, err := launch("")
	_, groupErr := l.CreateSecurityGroup(l.ctx, group)
	_, namedErr := l.DescribeSecurityGroups(l.ctx, named)
	for _, err := range []error{err, groupErr, namedErr} {
		if awsapi.Code(err) != "VPCIdNotSpecified" {
			t.Errorf("without a default VPC: %v", err)
		}
	}
	_, err = l.CreateDefaultSubnet(l.ctx, &ec2.CreateDefaultSubnetInput{AvailabilityZone: aws.String("us-east-1a")})
	if awsapi.Code(err) != "DefaultVpcDoesNotExist" {
		t.Errorf("a default subnet without a default VPC: %v", err)
	}

	v := must(l.CreateDefaultVpc(l.ctx, &ec2.CreateDefaultVpcInput{}))(l).Vpc
	if !*v.IsDefault || *v.CidrBlock != "172.31.0.0/16" {
		t.Errorf("the default VPC is %+v", v)
	}
	if _, err := l.CreateDefaultVpc(l.ctx, &ec2.CreateDefaultVpcInput{}); awsapi.Code(err) != "DefaultVpcAlreadyExists" {
		t.Errorf("a second one: %v", err)
	}
	subnets := must(l.DescribeSubnets(l.ctx, &ec2.DescribeSubnetsInput{
		Filters: []types.Filter{awsapi.Filter("default-for-az", "true")}}))(l).Subnets
	if len(subnets) != 3 || !*subnets[0].MapPublicIpOnLaunch {
		t.Errorf("the default subnets are %+v", subnets)
	}
	g := must(l.CreateSecurityGroup(l.ctx, group))(l)
	got := must(l.DescribeSecurityGroups(l.ctx, named))(l).SecurityGroups
	if len(got) != 1 || *got[0].GroupId != *g.GroupId {
		t.Errorf("the group is %+v", got)
	}

	i := must(launch("us-east-1b"))(l).Instances[0]
	if *i.VpcId != *v.VpcId || *i.Placement.AvailabilityZone != "us-east-1b" {
		t.Errorf("the instance is in %s, %s", *i.VpcId, *i.Placement.AvailabilityZone)
	}
	seen := must(l.DescribeInstances(l.ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{*i.InstanceId}}))(l)
	if seen.Reservations[0].Instances[0].PublicIpAddress == nil {
		t.Error("the instance has no public address")
	}

	// A zone whose default subnet was deleted, until there is a new one.
	for _, s := range subnets {
		if *s.AvailabilityZone == "us-east-1c" {
			must(l.DeleteSubnet(l.ctx, &ec2.DeleteSubnetInput{SubnetId: s.SubnetId}))(l)
		}
	}
	if _, err := launch("us-east-1c"); awsapi.Code(err) != "MissingInput" {
		t.Errorf("a launch without a default subnet: %v", err)
	}
	again := &ec2.CreateDefaultSubnetInput{AvailabilityZone: aws.String("us-east-1c")}
	if s := must(l.CreateDefaultSubnet(l.ctx, again))(l).Subnet; *s.CidrBlock != "172.31.32.0/20" || !*s.DefaultForAz {
		t.Errorf("the new default subnet is %+v", s)
	}
	if _, err := l.CreateDefaultSubnet(l.ctx, again); awsapi.Code(err) != "DefaultSubnetAlreadyExistsInAvailabilityZone" {
		t.Errorf("another one: %v", err)
	}
	must(launch("us-east-1c"))(l)
}

// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/inventory"
)

// What is removed between the reading of the lists and that of its details is left out, and the rest is seen.
func TestLabGoneBeforeItsDetails(t *testing.T) {
	l, w := newLab(t, 5), wanted(t, "")
	node := bringUp(t, l, w).Nodes[0]
	empty := got(l.root.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: &[]string{"10.9.0.0/16"}[0],
		TagSpecifications: awsapi.Tagged(types.ResourceTypeVpc, "first", "vpc")})).Vpc.VpcId
	if n := len(seen(t, l, "first").VPCs); n != 2 {
		t.Fatalf("%d VPCs", n)
	}
	l.hook(func(this call) error {
		switch in := this.in.(type) {
		case *ec2.DescribeVpcAttributeInput:
			if *in.VpcId == *empty && in.Attribute == types.VpcAttributeNameEnableDnsHostnames {
				_, err := l.root.DeleteVpc(ctx, &ec2.DeleteVpcInput{VpcId: empty})
				if !awsapi.IsNotFound(err) {
					return err
				}
			}
		case *ec2.DescribeInstanceAttributeInput:
			if in.Attribute == types.InstanceAttributeNameDisableApiStop {
				return apiError("InvalidInstanceID.NotFound")
			}
		case *ec2.GetSubnetCidrReservationsInput:
			return apiError("InvalidSubnetID.NotFound")
		}
		return nil
	}, nil)
	s := seen(t, l, "first")
	if len(s.VPCs) != 1 || s.VPCs[0].ID == *empty || !s.VPCs[0].DNSHostname || !s.VPCs[0].DNSSupport {
		t.Errorf("VPCs %+v", s.VPCs)
	}
	if len(s.Instances) != 1 || s.Instances[0].ID != node.InstanceID || s.Instances[0].OnShutdown != "" {
		t.Errorf("instances %+v", s.Instances)
	}
	if len(s.Subnets) == 0 || len(s.Reservations) != 0 || s.Role == nil || s.Role.Rights == "" || s.Profile == nil {
		t.Errorf("subnets %+v, reservations %+v, role %+v, profile %+v", s.Subnets, s.Reservations, s.Role, s.Profile)
	}
}

// The error of a look says what was looked for, also when others have been ended because of it.
func TestLabLookThatFails(t *testing.T) {
	l, w := newLab(t, 5), wanted(t, "")
	bringUp(t, l, w)
	for op, want := range map[string]string{
		"DescribeVolumes":           "looking for the volumes of cloud first: ",
		"DescribeVpcAttribute":      "looking for the vpc attributes of cloud first: ",
		"DescribeInstanceAttribute": "looking for the instance attributes of cloud first: ",
		"GetSubnetCidrReservations": "looking for the address reservations of cloud first: ",
		"GetRolePolicy":             "looking for the iam role of cloud first: ",
	} {
		l.hook(func(this call) error {
			if this.op == op {
				return apiError("UnauthorizedOperation")
			}
			return nil
		}, nil)
		_, err := inventory.See(ctx, l.EC2, l.IAM, "first")
		if err == nil || !strings.HasPrefix(err.Error(), want) || errorCode(err) != "UnauthorizedOperation" {
			t.Errorf("%s: %v", op, err)
		}
	}
}

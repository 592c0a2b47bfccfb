// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"

	"macaw.example/lab/internal/account"
	"macaw.example/lab/internal/instancetypes"
)

func TestTypesByPage(t *testing.T) {
	l := newLab(t)
	seen, pages := map[types.InstanceType]bool{}, 0
	for p := ec2.NewDescribeInstanceTypesPaginator(l.Client,
		&ec2.DescribeInstanceTypesInput{}); p.HasMorePages(); pages++ {
		for _, it := range must(p.NextPage(l.ctx))(l).InstanceTypes {
			seen[it.InstanceType] = true
		}
	}
	if len(seen) != len(instancetypes.All()) || pages != (len(instancetypes.All())+99)/100 {
		t.Errorf("%d types on %d pages; there are %d", len(seen), pages, len(instancetypes.All()))
	}
	nested := must(l.DescribeInstanceTypes(l.ctx,
		&ec2.DescribeInstanceTypesInput{MaxResults: aws.Int32(100), Filters: []types.Filter{
			{Name: aws.String("processor-info.supported-features"), Values: []string{"nested-virtualization"}},
			{Name: aws.String("instance-type"), Values: []string{"m8i.*"}}}}))(l).InstanceTypes
	if len(nested) == 0 || nested[0].NetworkInfo.ConnectionTrackingConfiguration.DefaultTcpEstablishedTimeout == nil ||
		*nested[0].NetworkInfo.ConnectionTrackingConfiguration.DefaultTcpEstablishedTimeout != 350 {
		t.Errorf("described %+v", nested)
	}
	_, err := l.DescribeInstanceTypes(l.ctx, &ec2.DescribeInstanceTypesInput{MaxResults: aws.Int32(101)})
	l.wantCode(err, "InvalidParameterValue")
}

// A type whose processor cannot run the image is neither launched nor changed to.
func TestTypeOfAnotherArchitecture(t *testing.T) {
	l := newLab(t)
	s := l.subnet(l.vpc("10.0.0.0/16"), "10.0.1.0/24")
	_, err := l.RunInstances(l.ctx, &ec2.RunInstancesInput{ImageId: aws.String(stockAMI), InstanceType: "m6g.large",
		SubnetId: &s, MinCount: aws.Int32(1), MaxCount: aws.Int32(1)})
	l.wantCode(err, "InvalidParameterValue")
	id := l.run("t3.small", *l.eni(s, "").NetworkInterfaceId)
	l.stop(id)
	_, err = l.ModifyInstanceAttribute(l.ctx, &ec2.ModifyInstanceAttributeInput{InstanceId: &id,
		InstanceType: &types.AttributeValue{Value: aws.String("t4g.small")}})
	l.wantCode(err, "InvalidParameterValue")
}

// A zone lacks some types: they are not among its offerings, and launching them there
// fails.
func TestTypeMissingInAZone(t *testing.T) {
	l := newLab(t, func(c *Config) {
		c.Settings = settings(t, account.Settings{MissingTypes: map[string][]string{"us-east-1a": {"t3.large"}}})
	})
	offers := must(l.DescribeInstanceTypeOfferings(l.ctx,
		&ec2.DescribeInstanceTypeOfferingsInput{LocationType: "availability-zone",
			Filters: []types.Filter{{Name: aws.String("instance-type"), Values: []string{"t3.large"}}}}))(l)
	var zones []string
	for _, o := range offers.InstanceTypeOfferings {
		zones = append(zones, *o.Location)
	}
	if d := cmp.Diff([]string{"us-east-1b", "us-east-1c"}, zones); d != "" {
		t.Error(d)
	}
	vpc := l.vpc("10.0.0.0/16")
	subnet := *must(l.CreateSubnet(l.ctx, &ec2.CreateSubnetInput{VpcId: &vpc, CidrBlock: aws.String("10.0.1.0/24"),
		AvailabilityZone: aws.String("us-east-1a")}))(l).Subnet.SubnetId
	_, err := l.RunInstances(l.ctx,
		&ec2.RunInstancesInput{ImageId: aws.String(stockAMI), InstanceType: "t3.large", SubnetId: &subnet,
			MinCount: aws.Int32(1), MaxCount: aws.Int32(1)})
	l.wantCode(err, "Unsupported")
}

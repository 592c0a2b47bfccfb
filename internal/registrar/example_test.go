// SPDX-License-Identifier: Apache-2.0

package registrar_test

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/model"
	"macaw.example/internal/registrar"
	"macaw.example/lab/labtest"
)

// One gateway node, and an address that Neutron has given to a floating IP on it.
func Example() {
	api, err := labtest.OpenAPI(labtest.APIOptions{})
	if err != nil {
		panic(err)
	}
	defer api.Close()
	ctx, client := context.Background(), ec2.NewFromConfig(api.Config())
	subnet, instance := gateway(ctx, client, api.Image)

	r := registrar.New(client, registrar.Config{
		Cloud: "demo", Node: "cloud-1", Instance: instance, InstanceType: "t3.large", Subnet: subnet,
		Range:  []netip.Prefix{netip.MustParsePrefix("10.0.1.64/26")},
		Policy: model.ElasticIPsOnDemand,
	})
	address := netip.MustParseAddr("10.0.1.65")
	res, err := r.Reconcile(ctx, []registrar.Want{{Addr: address, FloatingIP: "6d3b", Owner: "floating IP 6d3b",
		Here: true}})
	if err != nil {
		panic(err)
	}
	fmt.Println("registered:", res.Registered[address].ENI != "")
	fmt.Println("from the Internet:", res.Registered[address].Public)
	// Output:
	// registered: true
	// from the Internet: 198.51.100.10
}

// gateway makes a VPC with a gateway node in it, as macaw up does.
func gateway(ctx context.Context, api *ec2.Client, image string) (subnet, instance string) {
	vpc := must(api.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")})).Vpc.VpcId
	igw := must(api.CreateInternetGateway(ctx, &ec2.CreateInternetGatewayInput{})).InternetGateway.InternetGatewayId
	must(api.AttachInternetGateway(ctx, &ec2.AttachInternetGatewayInput{InternetGatewayId: igw, VpcId: vpc}))
	subnet = *must(api.CreateSubnet(ctx, &ec2.CreateSubnetInput{
		VpcId: vpc, CidrBlock: aws.String("10.0.1.0/24"),
	})).Subnet.SubnetId
	var nics []types.InstanceNetworkInterfaceSpecification
	for i, part := range []string{"eni/cloud-1/management", "eni/cloud-1/provider"} {
		tags := types.TagSpecification{ResourceType: types.ResourceTypeNetworkInterface, Tags: []types.Tag{
			{Key: aws.String(awsapi.TagCloud), Value: aws.String("demo")},
			{Key: aws.String(awsapi.TagPart), Value: aws.String(part)},
		}}
		eni := must(api.CreateNetworkInterface(ctx, &ec2.CreateNetworkInterfaceInput{
			SubnetId: &subnet, TagSpecifications: []types.TagSpecification{tags},
		})).NetworkInterface
		nics = append(nics, types.InstanceNetworkInterfaceSpecification{
			DeviceIndex: aws.Int32(int32(i)), NetworkInterfaceId: eni.NetworkInterfaceId,
		})
	}
	instance = *must(api.RunInstances(ctx, &ec2.RunInstancesInput{
		ImageId: &image, InstanceType: types.InstanceTypeT3Large, MinCount: aws.Int32(1), MaxCount: aws.Int32(1),
		NetworkInterfaces: nics,
	})).Instances[0].InstanceId
	return subnet, instance
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

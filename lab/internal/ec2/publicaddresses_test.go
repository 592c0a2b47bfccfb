// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// TestPublicAddress follows an instance's public address from AWS's pool, which, unlike
// an Elastic IP, comes and goes with the instance.
func TestPublicAddress(t *testing.T) {
	l := newLab(t)
	v := l.vpc("10.0.0.0/16")
	s := l.subnet(v, "10.0.0.0/24")
	igw := l.gateway(v)
	must(l.ModifySubnetAttribute(l.ctx, &ec2.ModifySubnetAttributeInput{SubnetId: &s,
		MapPublicIpOnLaunch: &types.AttributeBooleanValue{Value: aws.Bool(true)}}))(l)
	run := func(nics ...types.InstanceNetworkInterfaceSpecification) (string, error) {
		in := &ec2.RunInstancesInput{ImageId: aws.String(stockAMI), InstanceType: "t3.small", MinCount: aws.Int32(1),
			MaxCount: aws.Int32(1), NetworkInterfaces: nics}
		if len(nics) == 0 {
			in.SubnetId = &s
		}
		out, err := l.RunInstances(l.ctx, in)
		if err != nil {
			return "", err
		}
		return *out.Instances[0].InstanceId, nil
	}
	nic := func(device int32, public *bool) types.InstanceNetworkInterfaceSpecification {
		return types.InstanceNetworkInterfaceSpecification{DeviceIndex: &device, SubnetId: &s,
			AssociatePublicIpAddress: public}
	}
	id := must(run())(l)
	l.wait(id, "running")
	i := l.instance(id)
	eni := i.NetworkInterfaces[0].NetworkInterfaceId
	if a := i.NetworkInterfaces[0].Association; *i.PublicIpAddress != "198.51.100.10" || *a.IpOwnerId != "amazon" {
		t.Errorf("launched with %v, %+v", i.PublicIpAddress, a)
	}
	if n := len(must(l.DescribeAddresses(l.ctx, &ec2.DescribeAddressesInput{}))(l).Addresses); n != 0 {
		t.Errorf("%d Elastic IPs are the account's", n)
	}
	if top := l.fabric.topology().ElasticIPs; len(top) != 1 || top[0].ENI != *eni ||
		top[0].Public.String() != "198.51.100.10" {
		t.Errorf("the fabric has %+v", top)
	}
	_, err := l.DetachInternetGateway(l.ctx, &ec2.DetachInternetGatewayInput{InternetGatewayId: &igw, VpcId: &v})
	l.wantCode(err, "DependencyViolation")
	if m, _ := l.state.Metadata(*eni); m.NICs[0].Public["10.0.0.4"] != "198.51.100.10" {
		t.Errorf("the metadata service has %v", m.NICs[0].Public)
	}

	eip := must(l.AllocateAddress(l.ctx, &ec2.AllocateAddressInput{}))(l)
	if *eip.PublicIp == "198.51.100.10" {
		t.Error("the address was given twice")
	}
	assoc := must(l.AssociateAddress(l.ctx,
		&ec2.AssociateAddressInput{AllocationId: eip.AllocationId, InstanceId: &id}))(l)
	if got := *l.instance(id).PublicIpAddress; got != *eip.PublicIp || len(l.fabric.topology().ElasticIPs) != 1 {
		t.Errorf("with an Elastic IP the instance has %s", got)
	}
	must(l.DisassociateAddress(l.ctx, &ec2.DisassociateAddressInput{AssociationId: assoc.AssociationId}))(l)
	if got := l.instance(id).PublicIpAddress; got == nil || *got == *eip.PublicIp {
		t.Error("without the Elastic IP it has no address of AWS's again")
	}
	must(l.StopInstances(l.ctx, &ec2.StopInstancesInput{InstanceIds: []string{id}}))(l)
	l.wait(id, "stopped")
	if got := l.instance(id).PublicIpAddress; got != nil {
		t.Errorf("the stopped instance keeps %s", *got)
	}
	must(l.StartInstances(l.ctx, &ec2.StartInstancesInput{InstanceIds: []string{id}}))(l)
	if got := l.instance(id).PublicIpAddress; got == nil {
		t.Error("the started instance has none")
	}
	must(l.TerminateInstances(l.ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{id}}))(l)
	l.wait(id, "terminated")

	if i := l.instance(must(run(nic(0, aws.Bool(false))))(l)); i.PublicIpAddress != nil {
		t.Errorf("told not to, the launch gave %s", *i.PublicIpAddress)
	}
	if i := l.instance(must(run(nic(0, nil), nic(1, nil)))(l)); i.PublicIpAddress != nil {
		t.Errorf("an instance with two interfaces has %s", *i.PublicIpAddress)
	}
	_, err = run(nic(0, aws.Bool(true)), nic(1, nil))
	l.wantCode(err, "InvalidParameterCombination")
}

// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"encoding/base64"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

func (l *lab) stop(id string) {
	l.t.Helper()
	must(l.StopInstances(l.ctx, &ec2.StopInstancesInput{InstanceIds: []string{id}}))(l)
	l.wait(id, "stopped")
}

func (l *lab) attribute(id string, name types.InstanceAttributeName) *ec2.DescribeInstanceAttributeOutput {
	l.t.Helper()
	return must(l.DescribeInstanceAttribute(l.ctx,
		&ec2.DescribeInstanceAttributeInput{InstanceId: &id, Attribute: name}))(l)
}

func TestProtection(t *testing.T) {
	l := newLab(t)
	s := l.subnet(l.vpc("10.0.0.0/16"), "10.0.0.0/24")
	id := *must(l.RunInstances(l.ctx, &ec2.RunInstancesInput{ImageId: aws.String(stockAMI), InstanceType: "t3.small",
		MinCount: aws.Int32(1), MaxCount: aws.Int32(1),
		SubnetId: &s, DisableApiTermination: aws.Bool(true), DisableApiStop: aws.Bool(true)}))(l).Instances[0].InstanceId
	l.wait(id, "running")
	ids := []string{id}
	_, err := l.StopInstances(l.ctx, &ec2.StopInstancesInput{InstanceIds: ids})
	l.wantCode(err, "OperationNotPermitted")
	_, err = l.TerminateInstances(l.ctx, &ec2.TerminateInstancesInput{InstanceIds: ids})
	l.wantCode(err, "OperationNotPermitted")
	off := &types.AttributeBooleanValue{Value: aws.Bool(false)}
	must(l.ModifyInstanceAttribute(l.ctx, &ec2.ModifyInstanceAttributeInput{InstanceId: &id, DisableApiStop: off}))(l)
	must(l.ModifyInstanceAttribute(l.ctx, &ec2.ModifyInstanceAttributeInput{InstanceId: &id,
		Attribute: "disableApiTermination", Value: aws.String("false")}))(l)
	if *l.attribute(id, "disableApiStop").DisableApiStop.Value ||
		*l.attribute(id, "disableApiTermination").DisableApiTermination.Value {
		t.Error("the protection is still shown")
	}
	l.stop(id)
	if r := l.instance(id).StateReason; *r.Code != "Client.UserInitiatedShutdown" {
		t.Errorf("stopped because of %s", *r.Code)
	}
	must(l.TerminateInstances(l.ctx, &ec2.TerminateInstancesInput{InstanceIds: ids}))(l)
	_, err = l.ModifyInstanceAttribute(l.ctx, &ec2.ModifyInstanceAttributeInput{InstanceId: &id, DisableApiStop: off})
	l.wantCode(err, "IncorrectInstanceState")
}

func TestInstanceAttributes(t *testing.T) {
	l := newLab(t)
	v := l.vpc("10.0.0.0/16")
	s := l.subnet(v, "10.0.0.0/24")
	eni := *l.eni(s, "").NetworkInterfaceId
	id := l.run("m8i.large", eni)
	l.wait(id, "running")
	modify := func(change func(*ec2.ModifyInstanceAttributeInput)) error {
		in := &ec2.ModifyInstanceAttributeInput{InstanceId: &id}
		change(in)
		_, err := l.ModifyInstanceAttribute(l.ctx, in)
		return err
	}
	value := func(s string) *types.AttributeValue { return &types.AttributeValue{Value: &s} }
	kind := func(name string) func(*ec2.ModifyInstanceAttributeInput) {
		return func(in *ec2.ModifyInstanceAttributeInput) { in.InstanceType = value(name) }
	}
	group := must(l.CreateSecurityGroup(l.ctx,
		&ec2.CreateSecurityGroupInput{VpcId: &v, GroupName: aws.String("g"), Description: aws.String("d")}))(l).GroupId
	for _, c := range []struct {
		name   string
		change func(*ec2.ModifyInstanceAttributeInput)
		want   string
	}{
		{"nothing", func(*ec2.ModifyInstanceAttributeInput) {}, "MissingParameter"},
		{"two things", func(in *ec2.ModifyInstanceAttributeInput) {
			in.InstanceType, in.Groups = value("t3.small"), []string{*group}
		}, "InvalidParameterCombination"},
		{"the type while it runs", kind("m8i.xlarge"), "IncorrectInstanceState"},
		{"unknown behavior", func(in *ec2.ModifyInstanceAttributeInput) {
			in.InstanceInitiatedShutdownBehavior = value("explode")
		}, "InvalidParameterValue"},
		{"unknown attribute", func(in *ec2.ModifyInstanceAttributeInput) {
			in.Attribute, in.Value = "kernel", aws.String("x")
		}, "InvalidParameterValue"},
		{"behavior", func(in *ec2.ModifyInstanceAttributeInput) {
			in.InstanceInitiatedShutdownBehavior = value("terminate")
		}, ""},
		{"source/destination check", func(in *ec2.ModifyInstanceAttributeInput) {
			in.SourceDestCheck = &types.AttributeBooleanValue{Value: aws.Bool(false)}
		}, ""},
		{"groups", func(in *ec2.ModifyInstanceAttributeInput) { in.Groups = []string{*group} }, ""},
	} {
		if err := modify(c.change); code(err) != c.want {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
	if e := l.fabric.topology().ENIs[0]; e.SourceDestCheck || len(e.SecurityGroups) != 1 || e.SecurityGroups[0] != *group {
		t.Errorf("the fabric has %+v", e)
	}
	if *l.attribute(id, "sourceDestCheck").SourceDestCheck.Value ||
		*l.attribute(id, "groupSet").Groups[0].GroupId != *group ||
		*l.attribute(id, "instanceInitiatedShutdownBehavior").InstanceInitiatedShutdownBehavior.Value != "terminate" ||
		*l.attribute(id, "rootDeviceName").RootDeviceName.Value != "/dev/xvda" ||
		len(l.attribute(id, "blockDeviceMapping").BlockDeviceMappings) != 1 {
		t.Error("an attribute is not shown as it is")
	}
	if a := l.attribute(id, "kernel"); a.KernelId == nil || a.KernelId.Value != nil || a.RamdiskId != nil {
		t.Errorf("the kernel is %+v", a)
	}
	if a := l.attribute(id, "enclaveOptions"); a.EnclaveOptions == nil || *a.EnclaveOptions.Enabled {
		t.Errorf("the enclave options are %+v", a)
	}
	_, err := l.DescribeInstanceAttribute(l.ctx, &ec2.DescribeInstanceAttributeInput{InstanceId: &id, Attribute: "moon"})
	l.wantCode(err, "InvalidParameterValue")

	l.stop(id)
	must(l.AttachNetworkInterface(l.ctx, &ec2.AttachNetworkInterfaceInput{InstanceId: &id,
		NetworkInterfaceId: l.eni(s, "").NetworkInterfaceId, DeviceIndex: aws.Int32(1)}))(l)
	must(l.AttachNetworkInterface(l.ctx, &ec2.AttachNetworkInterfaceInput{InstanceId: &id,
		NetworkInterfaceId: l.eni(s, "").NetworkInterfaceId, DeviceIndex: aws.Int32(2)}))(l)
	must(l.AssignPrivateIpAddresses(l.ctx,
		&ec2.AssignPrivateIpAddressesInput{NetworkInterfaceId: &eni, SecondaryPrivateIpAddressCount: aws.Int32(5)}))(l)
	l.wantCode(modify(kind("moon.large")), "InvalidParameterValue")
	l.wantCode(modify(kind("t3.micro")), "AttachmentLimitExceeded")
	l.wantCode(modify(kind("t3.small")), "InvalidInterface.IpAddressLimitExceeded")
	l.wantCode(modify(func(in *ec2.ModifyInstanceAttributeInput) {
		in.SourceDestCheck = &types.AttributeBooleanValue{Value: aws.Bool(true)}
	}), "InvalidInstanceID")
	must(l.ModifyInstanceCpuOptions(l.ctx,
		&ec2.ModifyInstanceCpuOptionsInput{InstanceId: &id, NestedVirtualization: "enabled"}))(l)
	l.wantCode(modify(kind("m5.large")), "UnsupportedOperation") // can't nest
	l.wantCode(modify(kind("m8i.xlarge")), "")
	if i := l.instance(id); i.InstanceType != "m8i.xlarge" || *i.CpuOptions.CoreCount != 2 ||
		i.CpuOptions.NestedVirtualization != "enabled" {
		t.Errorf("the instance is %s with %+v", i.InstanceType, i.CpuOptions)
	}
	data := base64.StdEncoding.EncodeToString([]byte("#!/bin/sh\n"))
	l.wantCode(modify(func(in *ec2.ModifyInstanceAttributeInput) {
		in.UserData = &types.SecureBlobAttributeValue{Value: []byte("#!/bin/sh\n")}
	}), "")
	if got := *l.attribute(id, "userData").UserData.Value; got != data {
		t.Errorf("the user data is %q", got)
	}
}

func TestCPUOptions(t *testing.T) {
	l := newLab(t)
	s := l.subnet(l.vpc("10.0.0.0/16"), "10.0.0.0/24")
	big, small := l.run("m8i.large", *l.eni(s, "").NetworkInterfaceId), l.run("t3.small", *l.eni(s, "").NetworkInterfaceId)
	l.wait(big, "running")
	l.wait(small, "running")
	if o := l.instance(big).CpuOptions; o.NestedVirtualization != "disabled" {
		t.Errorf("launched with %+v", o)
	}
	change := func(id string, in ec2.ModifyInstanceCpuOptionsInput) error {
		in.InstanceId = &id
		_, err := l.ModifyInstanceCpuOptions(l.ctx, &in)
		return err
	}
	nested := ec2.ModifyInstanceCpuOptionsInput{NestedVirtualization: "enabled"}
	l.wantCode(change(big, nested), "IncorrectInstanceState")
	l.stop(big)
	l.stop(small)
	l.wantCode(change(big, ec2.ModifyInstanceCpuOptionsInput{}), "MissingParameter")
	l.wantCode(change(big, ec2.ModifyInstanceCpuOptionsInput{CoreCount: aws.Int32(1), ThreadsPerCore: aws.Int32(1)}),
		"UnsupportedOperation")
	l.wantCode(change(big, ec2.ModifyInstanceCpuOptionsInput{NestedVirtualization: "maybe"}), "InvalidParameterValue")
	l.wantCode(change(small, nested), "UnsupportedOperation")
	l.wantCode(change(big, nested), "")
	if o := l.instance(big).CpuOptions; o.NestedVirtualization != "enabled" {
		t.Errorf("changed to %+v", o)
	}
}

func TestDeleteOnTerminationOfAVolume(t *testing.T) {
	l := newLab(t)
	id := l.run("t3.small", *l.eni(l.subnet(l.vpc("10.0.0.0/16"), "10.0.1.0/24"), "10.0.1.5").NetworkInterfaceId)
	change := func(device string) error {
		_, err := l.ModifyInstanceAttribute(l.ctx, &ec2.ModifyInstanceAttributeInput{InstanceId: &id,
			BlockDeviceMappings: []types.InstanceBlockDeviceMappingSpecification{{DeviceName: &device,
				Ebs: &types.EbsInstanceBlockDeviceSpecification{DeleteOnTermination: aws.Bool(false)}}}})
		return err
	}
	if err := change("/dev/xvda"); err != nil {
		t.Fatal(err)
	}
	if d := l.instance(id).BlockDeviceMappings; len(d) != 1 || *d[0].Ebs.DeleteOnTermination {
		t.Errorf("devices: %+v", d)
	}
	l.wantCode(change("/dev/xvdb"), "InvalidParameterValue")
}

// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"macaw.example/lab/internal/vpc"
)

func TestDescribeInterfaceAttribute(t *testing.T) {
	l := newLab(t)
	s := l.subnet(l.vpc("10.0.0.0/16"), "10.0.0.0/24")
	id := *must(l.CreateNetworkInterface(l.ctx, &ec2.CreateNetworkInterfaceInput{SubnetId: &s,
		Description: aws.String("before")}))(l).NetworkInterface.NetworkInterfaceId
	l.run("t3.small", id)
	modify := func(change func(*ec2.ModifyNetworkInterfaceAttributeInput)) error {
		in := &ec2.ModifyNetworkInterfaceAttributeInput{NetworkInterfaceId: &id}
		change(in)
		_, err := l.ModifyNetworkInterfaceAttribute(l.ctx, in)
		return err
	}
	get := func(name types.NetworkInterfaceAttribute) *ec2.DescribeNetworkInterfaceAttributeOutput {
		return must(l.DescribeNetworkInterfaceAttribute(l.ctx,
			&ec2.DescribeNetworkInterfaceAttributeInput{NetworkInterfaceId: &id, Attribute: name}))(l)
	}
	attachment := get("attachment").Attachment
	if *attachment.DeleteOnTermination || *attachment.DeviceIndex != 0 {
		t.Errorf("the attachment is %+v", attachment)
	}
	for _, c := range []struct {
		name   string
		change func(*ec2.ModifyNetworkInterfaceAttributeInput)
		want   string
	}{
		{"nothing", func(*ec2.ModifyNetworkInterfaceAttributeInput) {}, "MissingParameter"},
		{"description", func(in *ec2.ModifyNetworkInterfaceAttributeInput) {
			in.Description = &types.AttributeValue{Value: aws.String("after")}
		}, ""},
		{"source/destination check", func(in *ec2.ModifyNetworkInterfaceAttributeInput) {
			in.SourceDestCheck = &types.AttributeBooleanValue{Value: aws.Bool(false)}
		}, ""},
		{"attachment", func(in *ec2.ModifyNetworkInterfaceAttributeInput) {
			in.Attachment = &types.NetworkInterfaceAttachmentChanges{AttachmentId: attachment.AttachmentId,
				DeleteOnTermination: aws.Bool(true)}
		}, ""},
		{"another's attachment", func(in *ec2.ModifyNetworkInterfaceAttributeInput) {
			in.Attachment = &types.NetworkInterfaceAttachmentChanges{AttachmentId: aws.String("eni-attach-0123456789abcdef0"),
				DeleteOnTermination: aws.Bool(true)}
		}, "InvalidAttachmentID.NotFound"},
		{"timeout too short", func(in *ec2.ModifyNetworkInterfaceAttributeInput) {
			in.ConnectionTrackingSpecification = &types.ConnectionTrackingSpecificationRequest{
				TcpEstablishedTimeout: aws.Int32(59)}
		}, "InvalidParameterValue"},
		{"timeouts", func(in *ec2.ModifyNetworkInterfaceAttributeInput) {
			in.ConnectionTrackingSpecification = &types.ConnectionTrackingSpecificationRequest{
				TcpEstablishedTimeout: aws.Int32(60), UdpTimeout: aws.Int32(45)}
		}, ""},
	} {
		if err := modify(c.change); code(err) != c.want {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
	if *get("description").Description.Value != "after" || *get("sourceDestCheck").SourceDestCheck.Value ||
		len(get("groupSet").Groups) != 1 ||
		!*get("attachment").Attachment.DeleteOnTermination {
		t.Error("an attribute is not shown as it is")
	}
	_, err := l.DescribeNetworkInterfaceAttribute(l.ctx,
		&ec2.DescribeNetworkInterfaceAttributeInput{NetworkInterfaceId: &id, Attribute: "moon"})
	l.wantCode(err, "InvalidParameterValue")
	e := l.fabric.topology().ENIs[0]
	if want := (vpc.Tracking{TCPEstablished: time.Minute, UDP: 45 * time.Second}); e.Tracking != want || !e.StatusCheck {
		t.Errorf("the fabric has %+v", e)
	}
	if c := l.describeENI(id).ConnectionTrackingConfiguration; *c.TcpEstablishedTimeout != 60 ||
		c.UdpStreamTimeout != nil {
		t.Errorf("described %+v", c)
	}
	must(l.ResetNetworkInterfaceAttribute(l.ctx,
		&ec2.ResetNetworkInterfaceAttributeInput{NetworkInterfaceId: &id, SourceDestCheck: aws.String("x")}))(l)
	if !*get("sourceDestCheck").SourceDestCheck.Value {
		t.Error("the source/destination check was not reset")
	}
}

// TestDefaultTimeouts requires shorter idle timeouts on the newest types.
func TestDefaultTimeouts(t *testing.T) {
	l := newLab(t)
	s := l.subnet(l.vpc("10.0.0.0/16"), "10.0.0.0/24")
	for kind, want := range map[types.InstanceType]time.Duration{"m8i.large": 350 * time.Second,
		"m5.large": 432000 * time.Second} {
		eni := *l.eni(s, "").NetworkInterfaceId
		l.run(kind, eni)
		for _, e := range l.fabric.topology().ENIs {
			if e.ID == eni && e.Tracking.TCPEstablished != want {
				t.Errorf("%s tracks for %v, want %v", kind, e.Tracking.TCPEstablished, want)
			}
		}
	}
}

func TestNetworkCards(t *testing.T) {
	l := newLab(t, func(c *Config) { c.Machines = fakePluggable{c.Machines.(*fakeMachines)} })
	s := l.subnet(l.vpc("10.0.0.0/16"), "10.0.0.0/24")
	id := l.run("m6in.32xlarge", *l.eni(s, "").NetworkInterfaceId) // two cards of eight
	l.wait(id, "running")
	attach := func(card, device int32) error {
		_, err := l.AttachNetworkInterface(l.ctx, &ec2.AttachNetworkInterfaceInput{InstanceId: &id,
			NetworkInterfaceId: l.eni(s, "").NetworkInterfaceId, DeviceIndex: &device, NetworkCardIndex: &card})
		return err
	}
	l.wantCode(attach(1, 1), "")
	l.wantCode(attach(1, 1), "InvalidParameterValue")
	l.wantCode(attach(2, 1), "InvalidParameterValue")
	for device := range int32(7) {
		l.wantCode(attach(0, device+1), "")
	}
	l.wantCode(attach(0, 8), "AttachmentLimitExceeded")
	l.wantCode(attach(1, 2), "")
	l.eventually("the second card's interface", func() bool { return l.machines.called("attach ens107", id) })
	nics := l.state.Instances()[0].NICs
	if nics[0].Device != "ens5" || nics[8].Device != "ens106" {
		t.Errorf("the machine has %+v", nics)
	}
}

func TestHotPlugLimits(t *testing.T) {
	l := newLab(t, func(c *Config) { c.Machines = fakePluggable{c.Machines.(*fakeMachines)} })
	v := l.vpc("10.0.0.0/16")
	s := l.subnet(v, "10.0.0.0/24")
	elsewhere := *must(l.CreateSubnet(l.ctx, &ec2.CreateSubnetInput{VpcId: &v, CidrBlock: aws.String("10.0.1.0/24"),
		AvailabilityZone: aws.String("us-east-1b")}))(l).Subnet.SubnetId
	id := l.run("t3.micro", *l.eni(s, "").NetworkInterfaceId) // two interfaces of two addresses
	l.wait(id, "running")
	attach := func(eni *string, device int32) error {
		_, err := l.AttachNetworkInterface(l.ctx,
			&ec2.AttachNetworkInterfaceInput{InstanceId: &id, NetworkInterfaceId: eni, DeviceIndex: &device})
		return err
	}
	many := must(l.CreateNetworkInterface(l.ctx,
		&ec2.CreateNetworkInterfaceInput{SubnetId: &s, Ipv4PrefixCount: aws.Int32(2)}))(l).NetworkInterface.NetworkInterfaceId
	l.wantCode(attach(many, 1), "InvalidInterface.IpAddressLimitExceeded")
	l.wantCode(attach(l.eni(elsewhere, "").NetworkInterfaceId, 1), "InvalidParameterValue")
	second := l.eni(s, "").NetworkInterfaceId
	l.wantCode(attach(second, 0), "InvalidParameterValue")
	l.wantCode(attach(second, 1), "")
	l.wantCode(attach(second, 1), "InvalidNetworkInterface.InUse")
	l.wantCode(attach(l.eni(s, "").NetworkInterfaceId, 2), "AttachmentLimitExceeded")
	_, err := l.DetachNetworkInterface(l.ctx,
		&ec2.DetachNetworkInterfaceInput{AttachmentId: l.instance(id).NetworkInterfaces[0].Attachment.AttachmentId})
	l.wantCode(err, "OperationNotPermitted")
	if e := l.describeENI(*many); e.Attachment != nil {
		t.Error("a refused attachment was left")
	}
}

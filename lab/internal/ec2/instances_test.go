// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"
)

const publicKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ8ZC1HZbUZ5P2cSgFfVqDtNyJrIvJxgpSQUz0c0MDFy operator"

// TestLife makes the calls of up and down: a machine with two existing interfaces, from
// launch to termination.
func TestLife(t *testing.T) {
	l := newLab(t)
	v := l.vpc("10.0.0.0/16")
	mgmt, provider := l.subnet(v, "10.0.0.0/24"), l.subnet(v, "10.0.1.0/24")
	l.gateway(v)
	must(l.ImportKeyPair(l.ctx, &ec2.ImportKeyPairInput{KeyName: aws.String("operator"),
		PublicKeyMaterial: []byte(publicKey)}))(l)
	_, err := l.ImportKeyPair(l.ctx,
		&ec2.ImportKeyPairInput{KeyName: aws.String("operator"), PublicKeyMaterial: []byte(publicKey)})
	l.wantCode(err, "InvalidKeyPair.Duplicate")
	eth0, eth1 := *l.eni(mgmt, "10.0.0.11").NetworkInterfaceId, *l.eni(provider, "10.0.1.11").NetworkInterfaceId
	in := &ec2.RunInstancesInput{ImageId: aws.String(stockAMI), InstanceType: "m8i.large", MinCount: aws.Int32(1),
		MaxCount: aws.Int32(1),
		KeyName:  aws.String("operator"),
		UserData: aws.String(base64.StdEncoding.EncodeToString([]byte("#cloud-config\n"))), ClientToken: aws.String("once"),
		NetworkInterfaces: []types.InstanceNetworkInterfaceSpecification{
			{DeviceIndex: aws.Int32(1), NetworkInterfaceId: &eth1}, {DeviceIndex: aws.Int32(0), NetworkInterfaceId: &eth0}},
		TagSpecifications: []types.TagSpecification{{ResourceType: "instance",
			Tags: []types.Tag{{Key: aws.String("Name"), Value: aws.String("node")}}}},
		CpuOptions: &types.CpuOptionsRequest{NestedVirtualization: "enabled"},
	}
	run := must(l.RunInstances(l.ctx, in))(l)
	id := *run.Instances[0].InstanceId
	if run.Instances[0].State.Name != "pending" || len(run.Instances[0].NetworkInterfaces) != 2 {
		t.Errorf("launched %+v", run.Instances[0])
	}
	if again := *must(l.RunInstances(l.ctx, in))(l).Instances[0].InstanceId; again != id {
		t.Error("the same client token launched another instance")
	}
	changed := *in
	changed.InstanceType = "m8i.xlarge"
	_, err = l.RunInstances(l.ctx, &changed)
	l.wantCode(err, "IdempotentParameterMismatch")

	which := &ec2.DescribeInstancesInput{InstanceIds: []string{id}}
	if err := ec2.NewInstanceRunningWaiter(l.Client, fast).Wait(l.ctx, which, time.Minute); err != nil {
		t.Fatal(err)
	}
	spec := l.machines.launched[0]
	got := []any{spec.ID, spec.ImageID, spec.Hostname, spec.VCPUs, spec.MemoryMB, spec.NICs[0].ENI, spec.NICs[0].Device,
		spec.NICs[1].ENI, spec.NICs[1].Device}
	if d := cmp.Diff([]any{id, stockAMI, "ip-10-0-0-11", 2, 8192, eth0, "ens5", eth1, "ens6"}, got); d != "" {
		t.Error(d)
	}
	for _, e := range l.fabric.topology().ENIs {
		if !e.Attached {
			t.Errorf("%s is not attached", e.ID)
		}
	}
	m, known := l.state.Metadata(eth1)
	if !known || m.ID != id || m.PublicKey != publicKey || string(m.UserData) != "#cloud-config\n" || len(m.NICs) != 2 ||
		m.NICs[1].ENI != eth1 {
		t.Errorf("metadata %+v", m)
	}
	_, err = l.DeleteNetworkInterface(l.ctx, &ec2.DeleteNetworkInterfaceInput{NetworkInterfaceId: &eth1})
	l.wantCode(err, "InvalidParameterValue")
	_, err = l.DetachNetworkInterface(l.ctx,
		&ec2.DetachNetworkInterfaceInput{AttachmentId: l.describeENI(eth1).Attachment.AttachmentId})
	l.wantCode(err, "UnsupportedOperation") // these machines cannot do it while running
	console := must(l.GetConsoleOutput(l.ctx, &ec2.GetConsoleOutputInput{InstanceId: &id}))(l)
	if text, _ := base64.StdEncoding.DecodeString(*console.Output); string(text) != "login:" {
		t.Errorf("console %q", text)
	}

	must(l.TerminateInstances(l.ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{id}}))(l)
	if err := ec2.NewInstanceTerminatedWaiter(l.Client, func(o *ec2.InstanceTerminatedWaiterOptions) {
		o.MinDelay, o.MaxDelay = 10*time.Millisecond, 10*time.Millisecond
	}).Wait(l.ctx, which, time.Minute); err != nil {
		t.Fatal(err)
	}
	must(l.DeleteNetworkInterface(l.ctx, &ec2.DeleteNetworkInterfaceInput{NetworkInterfaceId: &eth0}))(l)
	must(l.DeleteNetworkInterface(l.ctx, &ec2.DeleteNetworkInterfaceInput{NetworkInterfaceId: &eth1}))(l)
}

func fast(o *ec2.InstanceRunningWaiterOptions) {
	o.MinDelay, o.MaxDelay = 10*time.Millisecond, 10*time.Millisecond
}

func TestStopStartReboot(t *testing.T) {
	l := newLab(t)
	s := l.subnet(l.vpc("10.0.0.0/16"), "10.0.0.0/24")
	id := l.run("t3.small", *l.eni(s, "").NetworkInterfaceId)
	ids := []string{id}
	l.wait(id, "running")
	must(l.RebootInstances(l.ctx, &ec2.RebootInstancesInput{InstanceIds: ids}))(l)
	l.eventually("the reboot", func() bool { return l.machines.called("reboot", id) })
	must(l.StopInstances(l.ctx, &ec2.StopInstancesInput{InstanceIds: ids}))(l)
	l.wait(id, "stopped")
	if l.fabric.topology().ENIs[0].Attached {
		t.Error("the fabric carries frames of a stopped instance")
	}
	_, err := l.RebootInstances(l.ctx, &ec2.RebootInstancesInput{InstanceIds: ids})
	l.wantCode(err, "IncorrectState")
	if n := len(must(l.DescribeInstanceStatus(l.ctx, &ec2.DescribeInstanceStatusInput{}))(l).InstanceStatuses); n != 0 {
		t.Errorf("%d stopped instances have a status", n)
	}
	must(l.AttachNetworkInterface(l.ctx, &ec2.AttachNetworkInterfaceInput{InstanceId: &id,
		NetworkInterfaceId: l.eni(s, "").NetworkInterfaceId, DeviceIndex: aws.Int32(1)}))(l)
	must(l.StartInstances(l.ctx, &ec2.StartInstancesInput{InstanceIds: ids}))(l)
	l.wait(id, "running")
	if !l.machines.called("start", id) {
		t.Error("the machine was not started but made again")
	}
	if err := l.state.PoweredOff(id); err != nil {
		t.Fatal(err)
	}
	l.wait(id, "stopped")
	if reason := *l.instance(id).StateReason.Code; reason != "Client.InstanceInitiatedShutdown" {
		t.Errorf("stopped because of %s", reason)
	}
}

func TestLaunchFails(t *testing.T) {
	l := newLab(t)
	l.machines.fail["launch"] = true
	s := l.subnet(l.vpc("10.0.0.0/16"), "10.0.0.0/24")
	run := must(l.RunInstances(l.ctx, &ec2.RunInstancesInput{ImageId: aws.String(stockAMI), InstanceType: "t3.small",
		MinCount: aws.Int32(1), MaxCount: aws.Int32(1),
		SubnetId: &s}))(l)
	id := *run.Instances[0].InstanceId
	l.wait(id, "terminated")
	if reason := *l.instance(id).StateReason.Code; reason != "Server.InternalError" {
		t.Errorf("terminated because of %s", reason)
	}
	if n := len(must(l.DescribeNetworkInterfaces(l.ctx,
		&ec2.DescribeNetworkInterfacesInput{}))(l).NetworkInterfaces); n != 0 {
		t.Errorf("%d interfaces are left of the launch", n)
	}
}

func TestTerminateWhilePending(t *testing.T) {
	l := newLab(t)
	l.machines.hold["launch"] = true
	s := l.subnet(l.vpc("10.0.0.0/16"), "10.0.0.0/24")
	id := l.run("t3.small", *l.eni(s, "").NetworkInterfaceId)
	l.eventually("the launch", func() bool { return l.machines.called("launch", id) })
	must(l.TerminateInstances(l.ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{id}}))(l)
	l.wait(id, "terminated")
}

func TestLaunchRefused(t *testing.T) {
	l := newLab(t)
	s := l.subnet(l.vpc("10.0.0.0/16"), "10.0.0.0/24")
	eni := *l.eni(s, "").NetworkInterfaceId
	nic := func(device int32, eni string) types.InstanceNetworkInterfaceSpecification {
		return types.InstanceNetworkInterfaceSpecification{DeviceIndex: &device, NetworkInterfaceId: &eni}
	}
	for _, c := range []struct {
		name   string
		change func(*ec2.RunInstancesInput)
		want   string
	}{
		{"unknown image", func(in *ec2.RunInstancesInput) { in.ImageId = aws.String("ami-0123456789abcdef0") },
			"InvalidAMIID.NotFound"},
		{"unknown type", func(in *ec2.RunInstancesInput) { in.InstanceType = "m99.huge" }, "InvalidParameterValue"},
		{"unknown key", func(in *ec2.RunInstancesInput) { in.KeyName = aws.String("moon") }, "InvalidKeyPair.NotFound"},
		{"no primary interface", func(in *ec2.RunInstancesInput) {
			in.NetworkInterfaces = []types.InstanceNetworkInterfaceSpecification{nic(1, eni)}
		}, "InvalidParameterValue"},
		{"too many interfaces", func(in *ec2.RunInstancesInput) {
			in.NetworkInterfaces = []types.InstanceNetworkInterfaceSpecification{nic(0, eni),
				nic(1, *l.eni(s, "").NetworkInterfaceId), nic(2, *l.eni(s, "").NetworkInterfaceId)}
		}, "AttachmentLimitExceeded"},
		{"same interface twice", func(in *ec2.RunInstancesInput) {
			in.NetworkInterfaces = []types.InstanceNetworkInterfaceSpecification{nic(0, eni), nic(1, eni)}
		}, "InvalidNetworkInterface.InUse"},
		{"too much user data", func(in *ec2.RunInstancesInput) {
			in.UserData = aws.String(base64.StdEncoding.EncodeToString(make([]byte, 16<<10+1)))
		}, "InvalidParameterValue"},
		{"no nested virtualization", func(in *ec2.RunInstancesInput) {
			in.CpuOptions = &types.CpuOptionsRequest{NestedVirtualization: "enabled"}
		}, "UnsupportedOperation"},
		{"nested virtualization on bare metal", func(in *ec2.RunInstancesInput) {
			in.InstanceType = "m8i.metal-48xl"
			in.CpuOptions = &types.CpuOptionsRequest{NestedVirtualization: "enabled"}
		}, "UnsupportedOperation"},
		{"cores of bare metal", func(in *ec2.RunInstancesInput) {
			in.InstanceType = "c5.metal"
			in.CpuOptions = &types.CpuOptionsRequest{CoreCount: aws.Int32(36), ThreadsPerCore: aws.Int32(2)}
		}, "UnsupportedOperation"},
	} {
		in := &ec2.RunInstancesInput{ImageId: aws.String(stockAMI), InstanceType: "t3.micro", MinCount: aws.Int32(1),
			MaxCount:          aws.Int32(1),
			NetworkInterfaces: []types.InstanceNetworkInterfaceSpecification{nic(0, eni)}}
		c.change(in)
		if _, err := l.RunInstances(l.ctx, in); code(err) != c.want {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
	if n := len(must(l.DescribeInstances(l.ctx, &ec2.DescribeInstancesInput{}))(l).Reservations); n != 0 {
		t.Errorf("refused launches left %d instances", n)
	}
	if e := l.describeENI(eni); e.Attachment != nil {
		t.Error("a refused launch left an attachment")
	}
}

func TestHotPlug(t *testing.T) {
	l := newLab(t, func(c *Config) { c.Machines = fakePluggable{c.Machines.(*fakeMachines)} })
	s := l.subnet(l.vpc("10.0.0.0/16"), "10.0.0.0/24")
	id := l.run("t3.small", *l.eni(s, "").NetworkInterfaceId)
	l.wait(id, "running")
	eni := l.eni(s, "").NetworkInterfaceId
	out := must(l.AttachNetworkInterface(l.ctx,
		&ec2.AttachNetworkInterfaceInput{InstanceId: &id, NetworkInterfaceId: eni, DeviceIndex: aws.Int32(1)}))(l)
	l.eventually("the attachment", func() bool { return l.describeENI(*eni).Status == "in-use" })
	if !l.machines.called("attach ens6", id) {
		t.Error("the machine was not told")
	}
	must(l.DetachNetworkInterface(l.ctx, &ec2.DetachNetworkInterfaceInput{AttachmentId: out.AttachmentId}))(l)
	l.eventually("the detachment", func() bool { return l.describeENI(*eni).Status == "available" })
}

func TestImages(t *testing.T) {
	l := newLab(t)
	s := l.subnet(l.vpc("10.0.0.0/16"), "10.0.0.0/24")
	id := l.run("t3.small", *l.eni(s, "").NetworkInterfaceId)
	l.wait(id, "running")
	make := func() (*ec2.CreateImageOutput, error) {
		return l.CreateImage(l.ctx, &ec2.CreateImageInput{InstanceId: &id, Name: aws.String("baked")})
	}
	_, err := make()
	l.wantCode(err, "UnsupportedOperation")
	must(l.StopInstances(l.ctx, &ec2.StopInstancesInput{InstanceIds: []string{id}}))(l)
	l.wait(id, "stopped")
	ami := *must(make())(l).ImageId
	_, err = make()
	l.wantCode(err, "InvalidAMIName.Duplicate")
	if err := ec2.NewImageAvailableWaiter(l.Client, func(o *ec2.ImageAvailableWaiterOptions) {
		o.MinDelay, o.MaxDelay = 10*time.Millisecond, 10*time.Millisecond
	}).
		Wait(l.ctx, &ec2.DescribeImagesInput{ImageIds: []string{ami}}, time.Minute); err != nil {
		t.Fatal(err)
	}
	for owner, want := range map[string]string{"self": "baked", "136693071363": "debian-13-amd64-20261101-1"} {
		out := must(l.DescribeImages(l.ctx, &ec2.DescribeImagesInput{Owners: []string{owner}}))(l)
		if len(out.Images) != 1 || *out.Images[0].Name != want {
			t.Errorf("%s owns %+v", owner, out.Images)
		}
	}
	run := must(l.RunInstances(l.ctx, &ec2.RunInstancesInput{ImageId: &ami, InstanceType: "t3.small",
		MinCount: aws.Int32(1), MaxCount: aws.Int32(1), SubnetId: &s}))(l)
	user := *run.Instances[0].InstanceId
	l.wait(user, "running")
	must(l.DeregisterImage(l.ctx, &ec2.DeregisterImageInput{ImageId: &ami}))(l)
	_, err = l.DescribeImages(l.ctx, &ec2.DescribeImagesInput{ImageIds: []string{ami}})
	l.wantCode(err, "InvalidAMIID.NotFound")
	if l.machines.called("delete", ami) {
		t.Error("the disk went while an instance used it")
	}
	must(l.TerminateInstances(l.ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{user}}))(l)
	l.eventually("the image's removal", func() bool { return l.machines.called("delete", ami) })
	_, err = l.DeregisterImage(l.ctx, &ec2.DeregisterImageInput{ImageId: aws.String(stockAMI)})
	l.wantCode(err, "AuthFailure")
}

func TestTypes(t *testing.T) {
	l := newLab(t)
	out := must(l.DescribeInstanceTypes(l.ctx,
		&ec2.DescribeInstanceTypesInput{InstanceTypes: []types.InstanceType{"m8i.2xlarge"}}))(l).InstanceTypes[0]
	got := []any{*out.NetworkInfo.MaximumNetworkInterfaces, *out.NetworkInfo.Ipv4AddressesPerInterface,
		*out.VCpuInfo.DefaultVCpus,
		*out.MemoryInfo.SizeInMiB, out.ProcessorInfo.SupportedFeatures}
	if d := cmp.Diff([]any{int32(4), int32(30), int32(8), int64(32768),
		[]types.SupportedAdditionalProcessorFeature{"nested-virtualization"}}, got); d != "" {
		t.Error(d)
	}
	_, err := l.DescribeInstanceTypes(l.ctx,
		&ec2.DescribeInstanceTypesInput{InstanceTypes: []types.InstanceType{"m99.huge"}})
	l.wantCode(err, "InvalidInstanceType")
	offers := must(l.DescribeInstanceTypeOfferings(l.ctx,
		&ec2.DescribeInstanceTypeOfferingsInput{LocationType: "availability-zone",
			Filters: []types.Filter{{Name: aws.String("instance-type"), Values: []string{"t3.large"}}}}))(l)
	if len(offers.InstanceTypeOfferings) != 3 {
		t.Errorf("%d offerings, want one a zone", len(offers.InstanceTypeOfferings))
	}
	zones := must(l.DescribeAvailabilityZones(l.ctx, &ec2.DescribeAvailabilityZonesInput{}))(l)
	if len(zones.AvailabilityZones) != 3 || *zones.AvailabilityZones[0].ZoneName != "us-east-1a" {
		t.Errorf("zones %+v", zones.AvailabilityZones)
	}
}

// TestRestart reopens the state, as after a crash during a launch.
func TestRestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.json")
	keep := func(c *Config) { c.File = file }
	l := newLab(t, keep)
	l.machines.hold["launch"] = true
	s := l.subnet(l.vpc("10.0.0.0/16"), "10.0.0.0/24")
	id := l.run("t3.small", *l.eni(s, "10.0.0.10").NetworkInterfaceId)
	l.eventually("the launch", func() bool { return l.machines.called("launch", id) })
	before := l.state.Topology()
	l.state.Close()
	if mode := must(os.Stat(file))(l).Mode(); mode != 0o600 {
		t.Errorf("the state's file has mode %v", mode)
	}

	again := newLab(t, keep)
	again.wait(id, "running")
	if after := again.fabric.topology(); !reflect.DeepEqual(before, after) {
		t.Errorf("the topology was %+v and is %+v", before, after)
	}
}

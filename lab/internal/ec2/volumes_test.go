// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

func TestRootVolume(t *testing.T) {
	l := newLab(t)
	s := l.subnet(l.vpc("10.0.0.0/16"), "10.0.0.0/24")
	run := func(device string, ebs types.EbsBlockDevice) (string, error) {
		out, err := l.RunInstances(l.ctx, &ec2.RunInstancesInput{ImageId: aws.String(stockAMI), InstanceType: "t3.small",
			MinCount: aws.Int32(1), MaxCount: aws.Int32(1),
			SubnetId: &s, BlockDeviceMappings: []types.BlockDeviceMapping{{DeviceName: &device, Ebs: &ebs}},
			TagSpecifications: []types.TagSpecification{{ResourceType: "volume",
				Tags: []types.Tag{{Key: aws.String("cloud"), Value: aws.String("lab")}}}}})
		if err != nil {
			return "", err
		}
		return *out.Instances[0].InstanceId, nil
	}
	_, err := run("/dev/xvda", types.EbsBlockDevice{VolumeSize: aws.Int32(4)})
	l.wantCode(err, "InvalidBlockDeviceMapping")
	_, err = run("/dev/sdb", types.EbsBlockDevice{VolumeSize: aws.Int32(10)})
	l.wantCode(err, "UnsupportedOperation")
	kept, gone := must(run("/dev/xvda", types.EbsBlockDevice{VolumeSize: aws.Int32(40),
		DeleteOnTermination: aws.Bool(false)}))(l), must(run("/dev/xvda", types.EbsBlockDevice{}))(l)
	l.wait(kept, "running")
	l.wait(gone, "running")
	describe := func(name, value string) []types.Volume {
		return must(l.DescribeVolumes(l.ctx,
			&ec2.DescribeVolumesInput{Filters: []types.Filter{{Name: &name, Values: []string{value}}}}))(l).Volumes
	}
	v := describe("attachment.instance-id", kept)[0]
	if *v.Size != 40 || v.State != "in-use" || v.VolumeType != "gp3" || *v.Attachments[0].Device != "/dev/xvda" ||
		*v.Tags[0].Value != "lab" {
		t.Errorf("the volume is %+v", v)
	}
	if d := l.instance(kept).BlockDeviceMappings; len(d) != 1 || *d[0].Ebs.VolumeId != *v.VolumeId ||
		*d[0].Ebs.DeleteOnTermination {
		t.Errorf("the instance has %+v", d)
	}
	image := must(l.DescribeImages(l.ctx, &ec2.DescribeImagesInput{ImageIds: []string{stockAMI}}))(l).Images[0]
	if *image.BlockDeviceMappings[0].Ebs.SnapshotId != *v.SnapshotId || *image.RootDeviceName != "/dev/xvda" {
		t.Errorf("the image has %+v", image.BlockDeviceMappings)
	}
	_, err = l.DeleteVolume(l.ctx, &ec2.DeleteVolumeInput{VolumeId: v.VolumeId})
	l.wantCode(err, "VolumeInUse")
	must(l.TerminateInstances(l.ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{kept, gone}}))(l)
	l.wait(kept, "terminated")
	l.wait(gone, "terminated")
	if left := describe("tag:cloud", "lab"); len(left) != 1 || *left[0].VolumeId != *v.VolumeId ||
		left[0].State != "available" {
		t.Errorf("left are %+v", left)
	}
	must(l.DeleteVolume(l.ctx, &ec2.DeleteVolumeInput{VolumeId: v.VolumeId}))(l)
	_, err = l.DescribeVolumes(l.ctx, &ec2.DescribeVolumesInput{VolumeIds: []string{*v.VolumeId}})
	l.wantCode(err, "InvalidVolume.NotFound")
}

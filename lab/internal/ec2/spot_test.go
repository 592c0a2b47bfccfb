// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// spot makes a launch one of a Spot Instance.
func spot(in *ec2.RunInstancesInput) {
	in.InstanceMarketOptions = &types.InstanceMarketOptionsRequest{MarketType: types.MarketTypeSpot,
		SpotOptions: &types.SpotMarketOptions{SpotInstanceType: types.SpotInstanceTypeOneTime,
			InstanceInterruptionBehavior: types.InstanceInterruptionBehaviorTerminate}}
}

func TestSpotInstance(t *testing.T) {
	l := newLab(t)
	for _, change := range []func(*ec2.RunInstancesInput){spot, func(*ec2.RunInstancesInput) {}} {
		if err := l.launches("us-east-1a", "t3.small", change); err != nil {
			t.Fatal(err)
		}
	}
	found := must(l.DescribeInstances(l.ctx, &ec2.DescribeInstancesInput{Filters: []types.Filter{
		{Name: aws.String("instance-lifecycle"), Values: []string{"spot"}}}}))(l).Reservations
	if len(found) != 1 {
		t.Fatalf("%d Spot Instances", len(found))
	}
	i := found[0].Instances[0]
	if i.InstanceLifecycle != types.InstanceLifecycleTypeSpot || aws.ToString(i.SpotInstanceRequestId)[:4] != "sir-" {
		t.Errorf("lifecycle %q, request %q", i.InstanceLifecycle, aws.ToString(i.SpotInstanceRequestId))
	}
	l.wait(*i.InstanceId, types.InstanceStateNameRunning)
	_, err := l.StopInstances(l.ctx, &ec2.StopInstancesInput{InstanceIds: []string{*i.InstanceId}})
	l.wantCode(err, "UnsupportedOperation")
	_, err = l.ModifyInstanceAttribute(l.ctx, &ec2.ModifyInstanceAttributeInput{InstanceId: i.InstanceId,
		DisableApiTermination: &types.AttributeBooleanValue{Value: aws.Bool(true)}})
	l.wantCode(err, "UnsupportedOperation")
	must(l.TerminateInstances(l.ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{*i.InstanceId}}))(l)
	l.wait(*i.InstanceId, types.InstanceStateNameTerminated)
}

func TestSpotRefused(t *testing.T) {
	options := func(change func(*types.SpotMarketOptions)) func(*ec2.RunInstancesInput) {
		return func(in *ec2.RunInstancesInput) {
			spot(in)
			change(in.InstanceMarketOptions.SpotOptions)
		}
	}
	for name, tt := range map[string]struct {
		change func(*ec2.RunInstancesInput)
		code   string
	}{
		"persistent": {options(func(o *types.SpotMarketOptions) { o.SpotInstanceType = types.SpotInstanceTypePersistent }),
			"UnsupportedOperation"},
		"type": {options(func(o *types.SpotMarketOptions) { o.SpotInstanceType = "twice" }), "InvalidParameterValue"},
		"stopped when interrupted": {options(func(o *types.SpotMarketOptions) {
			o.InstanceInterruptionBehavior = types.InstanceInterruptionBehaviorStop
		}), "InvalidParameterCombination"},
		"behavior": {options(func(o *types.SpotMarketOptions) { o.InstanceInterruptionBehavior = "cry" }),
			"InvalidParameterValue"},
		"duration": {options(func(o *types.SpotMarketOptions) { o.BlockDurationMinutes = aws.Int32(60) }),
			"UnsupportedOperation"},
		"market": {func(in *ec2.RunInstancesInput) {
			in.InstanceMarketOptions = &types.InstanceMarketOptionsRequest{MarketType: "flea"}
		}, "InvalidParameterValue"},
		"protected": {func(in *ec2.RunInstancesInput) {
			spot(in)
			in.DisableApiTermination = aws.Bool(true)
		}, "InvalidParameterCombination"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			l.wantCode(l.launches("us-east-1a", "t3.small", tt.change), tt.code)
		})
	}
}

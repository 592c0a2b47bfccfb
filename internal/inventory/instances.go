// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	awsapi "macaw.example/internal/aws"
	"macaw.example/internal/images"
)

func (s *Seen) seeInstances(ctx context.Context, c clients, mine types.Filter) error {
	found, err := findInstances(ctx, c.EC2, mine)
	for _, i := range found {
		s.Instances = append(s.Instances, instanceOf(i))
	}
	return err
}

func instanceOf(i types.Instance) Instance {
	instance := Instance{
		ID: aws.ToString(i.InstanceId), Part: awsapi.Part(i.Tags), Sealed: awsapi.Tag(i.Tags, images.TagSealed) != "",
		Type: string(i.InstanceType), Image: aws.ToString(i.ImageId), Key: aws.ToString(i.KeyName),
		Spot: i.InstanceLifecycle == types.InstanceLifecycleTypeSpot,
	}
	if i.State != nil {
		instance.State = string(i.State.Name)
	}
	if p := i.IamInstanceProfile; p != nil {
		arn := aws.ToString(p.Arn)
		instance.Profile = InstanceProfile{ID: aws.ToString(p.Id), Name: arn[strings.LastIndexByte(arn, '/')+1:]}
	}
	if o := i.CpuOptions; o != nil {
		instance.Nested = o.NestedVirtualization == types.NestedVirtualizationSpecificationEnabled
	}
	if m := i.MetadataOptions; m != nil {
		instance.Metadata = Metadata{
			Endpoint: string(m.HttpEndpoint), IPv6: string(m.HttpProtocolIpv6), Tokens: string(m.HttpTokens),
			Tags: string(m.InstanceMetadataTags), HopLimit: aws.ToInt32(m.HttpPutResponseHopLimit),
		}
	}
	return instance
}

// instanceAttributes are those that DescribeInstances does not return.
var instanceAttributes = []types.InstanceAttributeName{
	types.InstanceAttributeNameDisableApiTermination,
	types.InstanceAttributeNameDisableApiStop,
	types.InstanceAttributeNameInstanceInitiatedShutdownBehavior,
	types.InstanceAttributeNameUserData,
}

// instances make one call for each attribute of an instance (EC2 API Reference, DescribeInstanceAttribute).
func (d *details) instances() (all []look) {
	for n := range d.Instances {
		i := &d.Instances[n]
		if !i.Live() {
			continue
		}
		for _, attribute := range instanceAttributes {
			all = append(all, look{"instance attributes", func(ctx context.Context, c clients, _ types.Filter) error {
				in := &ec2.DescribeInstanceAttributeInput{InstanceId: aws.String(i.ID), Attribute: attribute}
				out, err := c.EC2.DescribeInstanceAttribute(ctx, in)
				if awsapi.IsNotFound(err) {
					d.isGone(i.ID)
					return nil
				}
				if err != nil {
					return err
				}
				return i.use(attribute, out)
			}})
		}
	}
	return all
}

// use fills in an attribute.
func (i *Instance) use(attribute types.InstanceAttributeName, out *ec2.DescribeInstanceAttributeOutput) (err error) {
	switch attribute {
	case types.InstanceAttributeNameDisableApiTermination:
		i.NoTerminate = attributeTrue(out.DisableApiTermination)
	case types.InstanceAttributeNameDisableApiStop:
		i.NoStop = attributeTrue(out.DisableApiStop)
	case types.InstanceAttributeNameInstanceInitiatedShutdownBehavior:
		i.OnShutdown = attributeText(out.InstanceInitiatedShutdownBehavior)
	case types.InstanceAttributeNameUserData:
		if i.UserData, err = base64.StdEncoding.DecodeString(attributeText(out.UserData)); err != nil {
			return fmt.Errorf("reading the user data of %s: %w", i.ID, err)
		}
	}
	return nil
}

func attributeText(v *types.AttributeValue) string {
	if v == nil {
		return ""
	}
	return aws.ToString(v.Value)
}

func (s *Seen) seeVolumes(ctx context.Context, c clients, mine types.Filter) error {
	found, err := findVolumes(ctx, c.EC2, mine)
	for _, v := range found {
		if v.State == types.VolumeStateDeleting || v.State == types.VolumeStateDeleted {
			continue
		}
		volume := Volume{
			ID: aws.ToString(v.VolumeId), Part: awsapi.Part(v.Tags), State: string(v.State), Size: aws.ToInt32(v.Size),
		}
		for _, a := range v.Attachments {
			volume.Instance, volume.Device = aws.ToString(a.InstanceId), aws.ToString(a.Device)
			volume.DeleteOnTermination = aws.ToBool(a.DeleteOnTermination)
		}
		s.Volumes = append(s.Volumes, volume)
	}
	return err
}

// SPDX-License-Identifier: Apache-2.0

package images

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	awsapi "macaw.example/internal/aws"
)

// bakeTimeout bounds the waits for the stopped instance and for the image, whose volume EBS copies
// to S3.
const bakeTimeout = 30 * time.Minute

// Baker is the subset of EC2 that baking uses.
type Baker interface {
	ec2.DescribeInstancesAPIClient
	ec2.DescribeImagesAPIClient
	StopInstances(context.Context, *ec2.StopInstancesInput, ...func(*ec2.Options)) (*ec2.StopInstancesOutput, error)
	CreateTags(context.Context, *ec2.CreateTagsInput, ...func(*ec2.Options)) (*ec2.CreateTagsOutput, error)
	CreateImage(context.Context, *ec2.CreateImageInput, ...func(*ec2.Options)) (*ec2.CreateImageOutput, error)
}

// TagSealed is on an instance that is being prepared for an image: its logins are or will soon be
// removed.
const TagSealed = "macaw:sealed"

// Seal tags an instance before its logins are removed, so that a run after a killed one does not
// wait for a login.
func Seal(ctx context.Context, api Baker, instanceID string) error {
	if _, err := api.CreateTags(ctx, &ec2.CreateTagsInput{
		Resources: []string{instanceID}, Tags: []types.Tag{{Key: aws.String(TagSealed), Value: aws.String("yes")}},
	}); err != nil {
		return fmt.Errorf("tagging instance %s: %w", instanceID, err)
	}
	return nil
}

// Bake stops an instance and makes an image of it that Find recognises as baked with the
// packages of that hash. It returns the image's ID when the image is available.
func Bake(ctx context.Context, api Baker, instanceID, packagesHash string) (string, error) {
	if _, err := api.StopInstances(ctx, &ec2.StopInstancesInput{InstanceIds: []string{instanceID}}); err != nil {
		return "", fmt.Errorf("stopping instance %s: %w", instanceID, err)
	}
	stopped := ec2.NewInstanceStoppedWaiter(api, func(o *ec2.InstanceStoppedWaiterOptions) { o.MinDelay = time.Second })
	instance := &ec2.DescribeInstancesInput{InstanceIds: []string{instanceID}}
	if err := stopped.Wait(ctx, instance, bakeTimeout); err != nil {
		return "", fmt.Errorf("stopping instance %s: %w", instanceID, err)
	}
	tags := []types.Tag{
		{Key: aws.String(TagPackages), Value: aws.String(packagesHash)},
		{Key: aws.String("Name"), Value: aws.String("macaw-" + packagesHash)},
	}
	// Image names are unique in an account, and the same packages may be baked again.
	name := fmt.Sprintf("macaw-%s-%s", packagesHash, time.Now().UTC().Format("20060102-150405"))
	out, err := api.CreateImage(ctx, &ec2.CreateImageInput{
		InstanceId: aws.String(instanceID), Name: aws.String(name),
		Description: aws.String("Debian 13 with OpenStack's packages, by macaw"),
		TagSpecifications: []types.TagSpecification{
			{ResourceType: types.ResourceTypeImage, Tags: tags},
		},
	})
	var id string
	switch {
	case awsapi.ClassOf(err) == awsapi.Exists: // created by a call whose response was lost
		made, findErr := newestOf(ctx, api, &ec2.DescribeImagesInput{
			Owners: []string{"self"}, Filters: []types.Filter{awsapi.Filter("name", name)},
		})
		if findErr != nil {
			return "", fmt.Errorf("making an image of %s: %w", instanceID, err)
		}
		id = made.ID
	case err != nil:
		return "", fmt.Errorf("making an image of %s: %w", instanceID, err)
	default:
		id = aws.ToString(out.ImageId)
	}
	ready := ec2.NewImageAvailableWaiter(api, func(o *ec2.ImageAvailableWaiterOptions) { o.MinDelay = time.Second })
	// By a filter: EC2 may not know the ID yet, and then answers with InvalidAMIID.NotFound, which ends the waiter (EC2
	// Developer Guide, "Eventual consistency in the Amazon EC2 API").
	in := &ec2.DescribeImagesInput{Owners: []string{"self"}, Filters: []types.Filter{awsapi.Filter("image-id", id)}}
	if err := ready.Wait(ctx, in, bakeTimeout); err != nil {
		return "", fmt.Errorf("waiting for image %s: %w", id, err)
	}
	return id, nil
}

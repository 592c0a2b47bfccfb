// SPDX-License-Identifier: Apache-2.0

package images

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"macaw.example/lab/labtest"
)

const labImage = "ami-0123456789abcdef0" // of labtest.API

// imageless has no image at all: the lab always has one.
type imageless struct{ ec2.DescribeImagesAPIClient }

func (imageless) DescribeImages(
	context.Context, *ec2.DescribeImagesInput, ...func(*ec2.Options),
) (*ec2.DescribeImagesOutput, error) {
	return &ec2.DescribeImagesOutput{}, nil
}

// watched reports a question for images of anybody's.
type watched struct {
	ec2.DescribeImagesAPIClient
	t *testing.T
}

func (w watched) DescribeImages(ctx context.Context, in *ec2.DescribeImagesInput, o ...func(*ec2.Options)) (
	*ec2.DescribeImagesOutput, error) {
	if len(in.Owners) == 0 && len(in.ImageIds) == 0 {
		w.t.Error("asked for an image of anybody's: whoever uploads one with the right name would own the cloud")
	}
	return w.DescribeImagesAPIClient.DescribeImages(ctx, in, o...)
}

// launch makes an instance.
func launch(t *testing.T, api *ec2.Client) string {
	t.Helper()
	ctx, one := t.Context(), aws.Int32(1)
	if _, err := api.CreateDefaultVpc(ctx, &ec2.CreateDefaultVpcInput{}); err != nil {
		t.Fatal(err)
	}
	out, err := api.RunInstances(ctx, &ec2.RunInstancesInput{ImageId: aws.String(labImage), MinCount: one, MaxCount: one})
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Minute) // until it runs
	return *out.Instances[0].InstanceId
}

func TestFind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, api := t.Context(), ec2.NewFromConfig(labtest.NewAPI(t, labtest.APIOptions{}).Config())
		if _, err := Find(ctx, imageless{}, "abc", ""); !errors.Is(err, ErrNone) {
			t.Errorf("no image: %v", err)
		}
		instance := launch(t, api)
		var baked []string
		for range 2 {
			id, err := Bake(ctx, api, instance, "abc")
			if err != nil {
				t.Fatal(err)
			}
			baked = append(baked, id)
			time.Sleep(time.Hour)
		}
		for _, tt := range []struct {
			hash, override, id string
			kind               Kind
		}{
			{"", "", labImage, Stock},
			{"abc", "", baked[1], Baked},
			{"def", "", labImage, Stock},
			{"abc", labImage, labImage, Chosen},
			{"abc", baked[0], baked[0], Baked},
		} {
			got, err := Find(ctx, watched{api, t}, tt.hash, tt.override)
			if err != nil || got.ID != tt.id || got.Kind != tt.kind {
				t.Errorf("hash %q, override %q: %+v, %v; want %s, %s", tt.hash, tt.override, got, err, tt.id, tt.kind)
			}
		}
		if _, err := Find(ctx, api, "", "ami-none"); !errors.Is(err, ErrNone) {
			t.Errorf("override that is not there: %v", err)
		}
	})
}

func TestNewestImage(t *testing.T) {
	image := func(id, created string) types.Image {
		return types.Image{ImageId: aws.String(id), CreationDate: aws.String(created)}
	}
	if got := newest([]types.Image{
		image("ami-old", "2026-01-01T00:00:00.000Z"), image("ami-new", "2026-03-01T00:00:00.000Z"),
		image("ami-between", "2026-02-01T00:00:00.000Z"),
	}); got.ID != "ami-new" {
		t.Errorf("%+v", got)
	}
}

// SPDX-License-Identifier: Apache-2.0

package images

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	awsapi "macaw.example/internal/aws"
)

// Kind tells what is installed in an image.
type Kind string

// TagPackages is on an image and has the hash of its packages.
const TagPackages = "macaw:packages"

// The kinds of images. A stock image is a plain Debian; a baked one has the OpenStack packages; a
// chosen one is named in the cloud file.
const (
	Stock  Kind = "stock"
	Baked  Kind = "baked"
	Chosen Kind = "chosen"
)

// Image is what an instance boots from.
type Image struct {
	ID   string
	Name string
	Kind Kind
	// RootDevice is the device name of the root volume, such as /dev/xvda.
	RootDevice string
	// Packages is the hash of the installed packages, or empty.
	Packages string
	// Size is the root volume's, in GiB. It is the minimum for volumes made from the image.
	Size int32
}

// DebianOwner is the account that publishes Debian's images.
const DebianOwner = "136693071363"

// ErrNone reports that there is no image to boot.
var ErrNone = errors.New("no image found")

// Find chooses the image that instances boot: the image with the ID override, if not empty;
// else the account's newest image with these packages; else the newest Debian 13.
func Find(ctx context.Context, api ec2.DescribeImagesAPIClient, packagesHash, override string) (Image, error) {
	available := awsapi.Filter("state", "available")
	if override != "" {
		img, err := newestOf(ctx, api, &ec2.DescribeImagesInput{ImageIds: []string{override}})
		if err != nil {
			return Image{}, fmt.Errorf("finding image %s: %w", override, err)
		}
		img.Kind = Chosen
		if packagesHash != "" && img.Packages == packagesHash {
			img.Kind = Baked
		}
		return img, nil
	}
	if packagesHash != "" {
		img, err := newestOf(ctx, api, &ec2.DescribeImagesInput{
			Owners:  []string{"self"},
			Filters: []types.Filter{available, awsapi.ByTag(TagPackages, packagesHash)},
		})
		if err == nil {
			img.Kind = Baked
			return img, nil
		}
		if !errors.Is(err, ErrNone) {
			return Image{}, fmt.Errorf("finding a baked image: %w", err)
		}
	}
	img, err := newestOf(ctx, api, &ec2.DescribeImagesInput{
		Owners: []string{DebianOwner},
		Filters: []types.Filter{
			available, awsapi.Filter("architecture", "x86_64"), awsapi.Filter("name", "debian-13-amd64-*"),
		},
	})
	if err != nil {
		return Image{}, fmt.Errorf("finding debian 13: %w", err)
	}
	img.Kind = Stock
	return img, nil
}

func newestOf(ctx context.Context, api ec2.DescribeImagesAPIClient, in *ec2.DescribeImagesInput) (Image, error) {
	found, err := awsapi.Collect(ctx, ec2.NewDescribeImagesPaginator(api, in),
		func(out *ec2.DescribeImagesOutput) []types.Image { return out.Images })
	switch {
	case strings.HasPrefix(awsapi.Code(err), "InvalidAMIID."):
		return Image{}, fmt.Errorf("%w: %w", ErrNone, err)
	case err != nil:
		return Image{}, err
	case len(found) == 0:
		return Image{}, ErrNone
	}
	return newest(found), nil
}

func newest(found []types.Image) Image {
	// CreationDate is ISO 8601 in UTC, so it sorts as text.
	img := slices.MaxFunc(found, func(x, y types.Image) int {
		return cmp.Compare(aws.ToString(x.CreationDate), aws.ToString(y.CreationDate))
	})
	made := Image{
		ID: aws.ToString(img.ImageId), Name: aws.ToString(img.Name),
		RootDevice: aws.ToString(img.RootDeviceName), Packages: awsapi.Tag(img.Tags, TagPackages),
	}
	for _, d := range img.BlockDeviceMappings {
		if d.Ebs != nil && aws.ToString(d.DeviceName) == made.RootDevice {
			made.Size = aws.ToInt32(d.Ebs.VolumeSize)
		}
	}
	return made
}

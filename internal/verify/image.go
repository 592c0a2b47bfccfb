package verify

import (
	"context"
	"fmt"
	"io"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/image/v2/imagedata"
	"github.com/gophercloud/gophercloud/v2/openstack/image/v2/images"
)

// Part is one file of a guest image.
type Part struct {
	// Format is Glance's: qcow2 and raw for a disk; aki, ari and ami for a
	// kernel, its RAM disk and the disk that goes with them.
	Format string
	Open   func(context.Context) (io.ReadCloser, error)
}

// EnsureImage puts a public image into the cloud, unless there is one of that
// name. A kernel and a RAM disk become images of their own, which the last
// part, the disk, refers to. made says whether there was something to do.
func EnsureImage(ctx context.Context, auth Auth, name string, parts []Part) (made bool, err error) {
	s, err := login(ctx, auth)
	if err != nil {
		return false, err
	}
	client, err := openstack.NewImageV2(s.compute.ProviderClient, gophercloud.EndpointOpts{Region: auth.Region})
	if err != nil {
		return false, fmt.Errorf("finding the image service: %w", err)
	}
	if id, err := findImage(ctx, client, name); err != nil || id != "" {
		return false, err
	}
	properties := map[string]string{}
	for i, p := range parts {
		partName := name
		if i < len(parts)-1 {
			partName = name + "-" + p.Format
		}
		id, err := upload(ctx, client, partName, p, properties)
		if err != nil {
			return false, fmt.Errorf("uploading image %s: %w", partName, err)
		}
		switch p.Format {
		case "aki":
			properties["kernel_id"] = id
		case "ari":
			properties["ramdisk_id"] = id
		}
	}
	return true, nil
}

// findImage returns the ID of an image that is ready for use, or "".
func findImage(ctx context.Context, client *gophercloud.ServiceClient, name string) (string, error) {
	found, err := list(ctx, images.List(client, images.ListOpts{Name: name, Status: images.ImageStatusActive}), images.ExtractImages)
	if err != nil {
		return "", fmt.Errorf("finding image %s: %w", name, err)
	}
	if len(found) == 0 {
		return "", nil
	}
	return found[0].ID, nil
}

// upload makes one image. What an interrupted upload has left of the name is
// removed first.
func upload(ctx context.Context, client *gophercloud.ServiceClient, name string, p Part, properties map[string]string) (string, error) {
	stale, err := list(ctx, images.List(client, images.ListOpts{Name: name}), images.ExtractImages)
	if err != nil {
		return "", err
	}
	for _, i := range stale {
		if err := gone(images.Delete(ctx, client, i.ID).ExtractErr()); err != nil {
			return "", err
		}
	}
	container := "bare"
	if p.Format == "aki" || p.Format == "ari" || p.Format == "ami" {
		container = p.Format
	}
	public := images.ImageVisibilityPublic
	img, err := images.Create(ctx, client, images.CreateOpts{
		Name: name, ContainerFormat: container, DiskFormat: p.Format, Visibility: &public, Properties: properties,
	}).Extract()
	if err != nil {
		return "", err
	}
	r, err := p.Open(ctx)
	if err != nil {
		return "", err
	}
	defer r.Close()
	if err := imagedata.Upload(ctx, client, img.ID, r).ExtractErr(); err != nil {
		return "", err
	}
	return img.ID, nil
}

// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/image/v2/imagedata"
	"github.com/gophercloud/gophercloud/v2/openstack/image/v2/images"

	"macaw.example/internal/neutron"
)

// Part is one file of a guest image.
type Part struct {
	// Format is Glance's: qcow2 and raw for a disk; aki, ari and ami for a kernel, its RAM disk and
	// their disk.
	Format string
	Open   func(context.Context) (io.ReadCloser, error)
	// SHA256 is the checksum that was verified when it was opened; empty if none was.
	SHA256 string
}

// checkedProperty is the property of a Glance image with the checksum that was verified.
const checkedProperty = "macaw_sha256"

// randomness gives a guest a source of it: without one, and without the processor's own, which emulation
// lacks, SSH waits for the kernel to gather some.
var randomness = map[string]string{"hw_rng_model": "virtio"}

// EnsureImage uploads a public image, unless the cloud has one of that name that was checked
// against the last part's checksum, if there is one. A kernel and a RAM disk become images of their
// own, which the last part, the disk, refers to. It reports whether it uploaded anything.
func EnsureImage(ctx context.Context, auth neutron.Auth, name string, parts []Part) (made bool, err error) {
	s, err := login(ctx, auth)
	if err != nil {
		return false, err
	}
	found, err := activeImages(ctx, s.images, name)
	if err != nil {
		return false, err
	}
	want := parts[len(parts)-1].SHA256
	good := func(i images.Image) bool { return want == "" || i.Properties[checkedProperty] == want }
	if slices.ContainsFunc(found, good) {
		return false, nil
	}
	properties := map[string]string{}
	for i, p := range parts {
		partName := name
		if i < len(parts)-1 {
			partName = name + "-" + p.Format
		} else {
			maps.Copy(properties, randomness)
		}
		id, err := upload(ctx, s.images, partName, p, properties)
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
	found, err := activeImages(ctx, client, name)
	if err != nil || len(found) == 0 {
		return "", err
	}
	return found[0].ID, nil
}

func activeImages(ctx context.Context, client *gophercloud.ServiceClient, name string) ([]images.Image, error) {
	found, err := list(ctx, images.List(client, images.ListOpts{Name: name, Status: images.ImageStatusActive}),
		images.ExtractImages)
	if err != nil {
		return nil, fmt.Errorf("finding image %s: %w", name, err)
	}
	return found, nil
}

// upload makes one image, if its content can be opened. It first removes the remains of an
// interrupted upload of that name.
func upload(ctx context.Context, client *gophercloud.ServiceClient, name string, p Part,
	properties map[string]string) (string, error) {
	r, err := p.Open(ctx)
	if err != nil {
		return "", err
	}
	defer r.Close()
	stale, err := list(ctx, images.List(client, images.ListOpts{Name: name}), images.ExtractImages)
	if err != nil {
		return "", err
	}
	for _, i := range stale {
		if err := gone(images.Delete(ctx, client, i.ID).ExtractErr()); err != nil {
			return "", err
		}
	}
	properties = maps.Clone(properties)
	if p.SHA256 != "" {
		properties[checkedProperty] = p.SHA256
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
	if err := imagedata.Upload(ctx, client, img.ID, r).ExtractErr(); err != nil {
		return "", err
	}
	return img.ID, nil
}

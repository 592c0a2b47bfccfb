// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"fmt"
	"slices"
	"strings"

	"macaw.example/internal/images"
	"macaw.example/internal/model"
)

// image checks that there is one to boot. An account may hide all AMIs but those of some owners
// (EC2 User Guide, ec2-allowed-amis).
func (r *run) image() {
	if !r.launches() || r.unread(checkImage, "") && !r.NoImage {
		return
	}
	image := r.Wanted.Image
	switch {
	case !r.NoImage:
		r.pass(checkImage, "%s %s", image.ID, image.Name)
	case r.Account.Images != nil:
		hint := fmt.Sprintf("allow images of Debian's account, %s (EC2 console, settings, Allowed AMIs), or name one "+
			"of the account's own, which are always allowed", images.DebianOwner)
		if r.Account.Managed[checkImage] {
			hint = "an administrator of your organization can; " + hint
		}
		r.add(checkImage, Failed, "nodes[0].image", hint,
			"AWS shows no image to boot, because the account allows only images of %s", listed(r.Account.Images))
	case r.c.Nodes[0].Image != "":
		r.add(checkImage, Failed, "nodes[0].image", "an image is of one region, and its owner says who may use it",
			"AWS shows no image %s", r.c.Nodes[0].Image)
	default:
		r.add(checkImage, Failed, "nodes[0].image", "copy an image of Debian 13 for amd64 into the region, and name it here",
			"Debian publishes no image of Debian 13 in %s", r.Seen.Region)
	}
}

func listed(owners []string) string {
	if len(owners) == 0 {
		return "its own"
	}
	return strings.Join(owners, ", ")
}

// node checks that an instance can be launched.
func (r *run) node(i int) {
	n, zone, image := r.c.Nodes[i], r.Wanted.Zone, r.Wanted.Image
	if !r.Plan.Launches(n.Name) && !r.Plan.Retypes(n.Name) {
		return
	}
	field := fmt.Sprintf("nodes[%d].type", i)
	offer, ok := r.Account.Types[n.Type]
	switch {
	case !ok:
		r.add(checkType, Failed, field, "aws ec2 describe-instance-types lists them", "AWS has no instance type %s here",
			n.Type)
		return
	case !slices.Contains(offer.Architectures, "x86_64"):
		r.add(checkType, Failed, field, "", "%s is of architecture %s, and Macaw's images are for x86_64", n.Type,
			strings.Join(offer.Architectures, ", "))
		return
	case len(offer.Zones) == 0:
		r.add(checkType, Failed, field, "another type, or another region", "no zone of the region has %s", n.Type)
		return
	case !slices.Contains(r.Seen.Zones, zone) && zone != "":
		return // the zone itself is the reason
	case !slices.Contains(offer.Zones, zone):
		r.add(checkType, Failed, field, "zones that have it: "+strings.Join(offer.Zones, ", "),
			"%s is not to be had in %s", n.Type, zone)
		return
	}
	r.pass(checkType, "%s in %s; whether AWS has capacity for it shows at the launch", n.Type, zone)
	r.addresses(n.Type, n.Name, int(offer.Addresses))
	if r.Plan.Launches(n.Name) && image.Size > 0 {
		r.disk(i, image)
	}
}

// addresses checks that the node's ENI takes the addresses that are made with the cloud: the cloud
// file's parser knows the common types only.
func (r *run) addresses(instanceType, node string, each int) {
	p := r.c.Provider
	switch {
	case p.ElasticIPs != model.ElasticIPsAll:
	case p.Addresses < each:
		r.pass(checkAddresses, "%d on an ENI of %s, which takes %d besides its primary one", p.Addresses, instanceType,
			each-1)
	default:
		r.add(checkAddresses, Failed, "provider.addresses",
			fmt.Sprintf("at most %d here, or another type for node %s", each-1, node),
			"%d are too many for %s: it carries %d addresses on an ENI, its primary one included", p.Addresses, instanceType,
			each)
	}
}

// disk checks that the image fits on the node's volume.
func (r *run) disk(i int, image images.Image) {
	n := r.c.Nodes[i]
	if image.Size <= int32(n.Disk) {
		r.pass(checkDisk, "%d GiB, and the image has %d", n.Disk, image.Size)
		return
	}
	hint := ""
	if image.Kind == images.Baked {
		hint = fmt.Sprintf("at least %d, or bake an image with this disk: macaw bake --force", image.Size)
	}
	r.add(checkDisk, Failed, fmt.Sprintf("nodes[%d].disk", i), hint,
		"%d GiB is too little for image %s, which has %d", n.Disk, image.ID, image.Size)
}

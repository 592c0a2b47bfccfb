// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"macaw.example/internal/cloud"
	"macaw.example/internal/images"
	"macaw.example/internal/model"
)

// image checks that there is one to boot for each node. An account may hide all AMIs but those of some owners
// (EC2 User Guide, ec2-allowed-amis).
func (r *run) image() {
	var missing []cloud.Node
	told := map[string]bool{}
	for _, n := range r.c.Nodes {
		if r.Plan.Launches(n.Name) && r.Wanted.ImageOf(n).ID == "" && !told[n.Image] {
			told[n.Image], missing = true, append(missing, n)
		}
	}
	if !r.launches() || r.unread(checkImage, "") && len(missing) == 0 {
		return
	}
	for _, n := range missing {
		r.noImage(n)
	}
	for _, n := range r.c.Nodes {
		if image := r.Wanted.ImageOf(n); r.Plan.Launches(n.Name) && image.ID != "" && !told[n.Image] {
			told[n.Image] = true
			r.pass(checkImage, "%s %s", image.ID, image.Name)
		}
	}
}

// noImage says why there is no image for a node.
func (r *run) noImage(n cloud.Node) {
	field := n.Field("image")
	switch {
	case r.Account.Images != nil:
		hint := fmt.Sprintf("allow images of Debian's account, %s (EC2 console, settings, Allowed AMIs), or name one "+
			"of the account's own, which are always allowed", images.DebianOwner)
		if r.Account.Managed[checkImage] {
			hint = "an administrator of your organization can; " + hint
		}
		r.add(checkImage, Failed, field, hint,
			"AWS shows no image to boot, because the account allows only images of %s", listed(r.Account.Images))
	case n.Image != "":
		r.add(checkImage, Failed, field, "an image is of one region, and its owner says who may use it",
			"AWS shows no image %s", n.Image)
	default:
		r.add(checkImage, Failed, field, "copy an image of Debian 13 for amd64 into the region, and name it here",
			"Debian publishes no image of Debian 13 in %s", r.Seen.Region)
	}
}

func listed(owners []string) string {
	if len(owners) == 0 {
		return "its own"
	}
	return strings.Join(owners, ", ")
}

// nodes checks that the instances can be launched: once for nodes that are alike.
func (r *run) nodes() {
	told := map[string]bool{}
	for _, n := range r.c.Nodes {
		if !r.Plan.Launches(n.Name) && !r.Plan.Retypes(n.Name) {
			continue
		}
		zone := r.zoneOf(n)
		if alike := fmt.Sprint(n.Field("type"), " ", zone); !told[alike] {
			told[alike] = true
			r.node(n, zone)
		}
	}
}

// zoneOf returns the zone of a node: its own, or the cloud's, which is empty if there is none.
func (r *run) zoneOf(n cloud.Node) string { return cmp.Or(n.Zone, r.Wanted.Zone) }

// node checks that an instance can be launched in a zone.
func (r *run) node(n cloud.Node, zone string) {
	field := n.Field("type")
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
		if n.Zone != "" {
			r.add(checkZone, Failed, n.Field("zones"), "available are "+strings.Join(r.Seen.Zones, ", "),
				"AWS does not offer %s to this account in %s", zone, r.Seen.Region)
		}
		return // otherwise the cloud's zone is the reason
	case !slices.Contains(offer.Zones, zone):
		r.add(checkType, Failed, field, "zones that have it: "+strings.Join(offer.Zones, ", "),
			"%s is not to be had in %s", n.Type, zone)
		return
	case n.Spot && !offer.Spot:
		r.add(checkType, Failed, n.Field("spot"), "leave spot out, or take another type", "AWS has no Spot Instances of %s",
			n.Type)
		return
	}
	r.pass(checkType, "%s in %s; whether AWS has capacity for it shows at the launch", n.Type, zone)
	if n.Has(model.Gateway) {
		r.addresses(n.Type, n.Name, int(offer.Addresses))
	}
	if image := r.Wanted.ImageOf(n); r.Plan.Launches(n.Name) && image.Size > 0 {
		r.disk(n, image)
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
func (r *run) disk(n cloud.Node, image images.Image) {
	if image.Size <= int32(n.Disk) {
		r.pass(checkDisk, "%d GiB, and the image has %d", n.Disk, image.Size)
		return
	}
	hint := ""
	if image.Kind == images.Baked {
		hint = fmt.Sprintf("at least %d, or bake an image with this disk: macaw bake --force", image.Size)
	}
	r.add(checkDisk, Failed, n.Field("disk"), hint,
		"%d GiB is too little for image %s, which has %d", n.Disk, image.ID, image.Size)
}

// SPDX-License-Identifier: Apache-2.0

package cloud

import (
	"fmt"
	"slices"
	"strings"

	"macaw.example/internal/model"
)

// tooSmall are the sizes of instance types with at most 2 GiB of memory, in every family (EC2 Instance
// Types Guide, gp and co specifications). Larger ones are not refused: how much memory the guests need
// is the operator's matter.
var tooSmall = []string{"nano", "micro", "small"}

// A root volume is a gp3 volume (EC2 API Reference, ModifyVolume, Size), and Debian with OpenStack
// does not fit into less than the smallest.
const (
	smallestDisk = 10    // GiB
	largestDisk  = 65536 // GiB
)

// hostNames are names for the machine itself, or for multicast groups, in Debian's /etc/hosts and
// in systemd. A node with such a name would connect to itself.
var hostNames = []string{"localhost", "localhost4", "localhost6", "localdomain", "ip6-localhost", "ip6-loopback",
	"ip6-localnet",
	"ip6-mcastprefix", "ip6-allnodes", "ip6-allrouters", "broadcasthost"}

func (d *decoder) validateNodes(c *Cloud) {
	if !d.ok("nodes") {
		return
	}
	if len(d.nodes) == 0 {
		d.reject("nodes", "leave the key out for one node with every role", "is empty")
		return
	}
	played := map[model.Role]bool{}
	for i, e := range d.nodes {
		path := entryPath(i)
		d.validateCount(path, e)
		d.validateRoles(path+".roles", e.Roles, played)
		d.validateMachine(path, e.Node)
		d.validateZones(path+".zones", c, e)
		if e.Spot && e.Public() && d.ok(path+".spot", path+".roles") {
			d.reject(path+".spot", "only nodes with the role compute alone can be Spot Instances",
				"AWS may take a Spot Instance away at any time, and the cloud needs its controller and gateways")
		}
	}
	d.validateNames(c)
	if !d.allRead("nodes") {
		return
	}
	for _, r := range model.Roles() {
		if !played[r] {
			d.reject("nodes", "", "no node has the role %s", r)
		}
	}
	if c.Evacuate && len(c.With(model.Compute)) < 2 {
		d.reject("evacuate", "it makes guests of a compute node that has died again on another: give the cloud a second one",
			"auto needs two compute nodes")
	}
	if all := c.With(model.Controller); len(all) > 1 {
		path := all[1].Field("roles")
		if all[1].entry == all[0].entry {
			path = all[1].Field("count")
		}
		d.reject(path, "one controller for now; others can be gateways, computes or both",
			"%s and %s would both be controllers", all[0].Name, all[1].Name)
	}
}

func (d *decoder) validateCount(path string, e entry) {
	switch at := path + ".count"; {
	case !d.has(at) || !d.ok(at):
	case e.count < 1:
		d.reject(at, "leave the entry out for none", "%d is too few", e.count)
	case e.count > maxNodes:
		d.reject(at, "", "%d are too many: at most %d", e.count, maxNodes)
	case !d.has(path + ".name"):
		d.reject(path+".name", "count makes nodes NAME-1, NAME-2 and so on", "is missing")
	}
}

// validateMachine checks what an instance is made of.
func (d *decoder) validateMachine(path string, n Node) {
	if n.Image != "" && d.ok(path+".image") && !imagePattern.MatchString(n.Image) {
		d.reject(path+".image", "", "%q is not an image ID such as ami-0123456789abcdef0", n.Image)
	}
	if d.ok(path+".type") && !typePattern.MatchString(n.Type) {
		d.reject(path+".type", "", "%q is not an instance type such as t3.xlarge", n.Type)
	}
	if _, size, _ := strings.Cut(n.Type, "."); d.ok(path+".type") && slices.Contains(tooSmall, size) {
		why := "OpenStack's services alone take about 3 GiB, measured in the lab; t3.xlarge has 16"
		if d.ok(path+".roles") && !n.Has(model.Controller) {
			why = "the smallest size that is accepted for a node of any role is medium, with 4 GiB"
		}
		d.reject(path+".type", why, "%s has too little memory: at most 2 GiB", n.Type)
	}
	switch {
	case !d.ok(path + ".disk"):
	case n.Disk < smallestDisk:
		d.reject(path+".disk", "", "%d GiB is too little: at least %d", n.Disk, smallestDisk)
	case n.Disk > largestDisk:
		d.reject(path+".disk", "", "%d GiB is too much: AWS has volumes of at most %d", n.Disk, largestDisk)
	}
}

// validateNames checks the names of all nodes, once for each entry.
func (d *decoder) validateNames(c *Cloud) {
	names := map[string]bool{}
	for _, n := range c.Nodes {
		path := n.Field("name")
		switch {
		case !d.ok(path):
		case !namePattern.MatchString(n.Name):
			d.reject(path, nameHint, "%q is not a name", n.Name)
		case slices.Contains(hostNames, n.Name):
			d.reject(path, "it becomes the node's host name", "%q is every machine's name for itself, or for others", n.Name)
		case names[n.Name]:
			d.reject(path, "", "there is another node %q", n.Name)
		}
		names[n.Name] = true
	}
}

func (d *decoder) validateRoles(path string, roles []model.Role, played map[model.Role]bool) {
	if !d.ok(path) || !d.allRead(path) {
		return
	}
	if len(roles) == 0 {
		d.reject(path, "leave the key out for all roles", "is empty")
	}
	var known []string
	for _, r := range model.Roles() {
		known = append(known, string(r))
	}
	seen := map[model.Role]bool{}
	for i, r := range roles {
		at := fmt.Sprintf("%s[%d]", path, i)
		switch {
		case !slices.Contains(known, string(r)):
			d.reject(at, suggest(string(r), known), "unknown role %q", r)
		case seen[r]:
			d.reject(at, "", "duplicate role %q", r)
		}
		seen[r], played[r] = true, true
	}
}

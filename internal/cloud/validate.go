package cloud

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

var (
	// A name becomes part of host names and of tags.
	namePattern   = regexp.MustCompile(`^[a-z]([a-z0-9-]{0,30}[a-z0-9])?$`)
	regionPattern = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]$`)
	imagePattern  = regexp.MustCompile(`^ami-[0-9a-f]{8,17}$`)
)

const nameHint = "lower-case letters, digits and hyphens, a letter first, at most 32 characters"

func (d *decoder) validate(c *Cloud) {
	d.validateIdentity(c)
	d.validateNetworks(c)
	d.validateProvider(c)
	d.validateNodes(c)
	d.validateLimits(c)
	if c.Verify.Image != "" && d.ok("verify.image") {
		u, err := url.Parse(c.Verify.Image)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
			d.reject("verify.image", "", "%q is not an http or https URL", c.Verify.Image)
		}
	}
}

func (d *decoder) validateIdentity(c *Cloud) {
	if !d.has("name") {
		d.reject("name", "it tells the cloud's resources from others: "+nameHint, "is missing")
	} else if d.ok("name") && !namePattern.MatchString(c.Name) {
		d.reject("name", nameHint, "%q is not a name", c.Name)
	}
	switch {
	case !d.has("target"):
		d.reject("target", "lab, or an AWS region such as eu-central-1", "is missing")
	case d.ok("target") && !c.InLab() && !regionPattern.MatchString(c.Target):
		hint := "lab, or an AWS region such as eu-central-1"
		if closest(c.Target, []string{TargetLab}) != "" {
			hint = `did you mean "lab"?`
		}
		d.reject("target", hint, "%q is neither the lab nor an AWS region", c.Target)
	}
	if d.has("availabilityZone") && d.ok("availabilityZone", "target") && d.has("target") &&
		!c.InLab() && !strings.HasPrefix(c.AvailabilityZone, c.Target) {
		d.reject("availabilityZone", fmt.Sprintf("one of %[1]s is called %[1]sa", c.Target),
			"%q is not in region %s", c.AvailabilityZone, c.Target)
	}
	if d.has("lab") && d.has("target") && d.ok("target") && !c.InLab() {
		d.reject("lab", "", "only a cloud whose target is lab has this section")
	}
	if c.InLab() && d.ok("lab.elasticIPQuota") && c.Lab.ElasticIPQuota < 1 {
		d.reject("lab.elasticIPQuota", "", "must be at least 1")
	}
}

func (d *decoder) validateNetworks(c *Cloud) {
	if d.ok("vpc.cidr") && (c.VPC.CIDR.Bits() < shortestPrefix || c.VPC.CIDR.Bits() >= longestPrefix) {
		d.reject("vpc.cidr", "", "%s is not between /%d and /%d, which is what two subnets of AWS fit in",
			c.VPC.CIDR, shortestPrefix, longestPrefix-1)
	}
	d.validateSubnet("management.subnet", c.Management.Subnet, c.VPC.CIDR)
	d.validateSubnet("provider.subnet", c.Provider.Subnet, c.VPC.CIDR)
	if d.ok("vpc.cidr", "management.subnet", "provider.subnet") && c.Management.Subnet.Overlaps(c.Provider.Subnet) {
		path, other, p, q := "provider.subnet", "management.subnet", c.Provider.Subnet, c.Management.Subnet
		if !d.has(path) {
			path, other, p, q = other, path, q, p
		}
		d.reject(path, "", "%s overlaps %s %s", p, other, q)
	}
	const allow = "management.allow"
	switch {
	case d.has(allow) && d.ok(allow) && len(c.Management.Allow) == 0 && d.allRead(allow):
		d.reject(allow, "put your own address here, such as 198.51.100.7/32", "is empty: nobody could reach the cloud")
	case !d.has(allow) && d.has("target") && d.ok("target") && !c.InLab():
		d.reject(allow, "put your own address here, such as 198.51.100.7/32; curl https://checkip.amazonaws.com shows it",
			"is missing: on AWS the file must say who may reach SSH, the APIs and the dashboard")
	}
}

// allRead reports whether every entry of the list at path could be read.
func (d *decoder) allRead(path string) bool {
	for p := range d.bad {
		if strings.HasPrefix(p, path+"[") {
			return false
		}
	}
	return true
}

func (d *decoder) validateSubnet(path string, subnet, vpc netip.Prefix) {
	if !d.ok(path) || !d.has(path) && !d.ok("vpc.cidr") {
		return
	}
	if subnet.Bits() < shortestPrefix || subnet.Bits() > longestPrefix {
		d.reject(path, "", "%s is not between /%d and /%d, as AWS wants a subnet", subnet, shortestPrefix, longestPrefix)
		return
	}
	if d.ok("vpc.cidr") && (subnet.Bits() < vpc.Bits() || !vpc.Contains(subnet.Addr())) {
		d.reject(path, "", "%s is not inside the vpc %s", subnet, vpc)
	}
}

func (d *decoder) validateProvider(c *Cloud) {
	p := c.Provider
	if d.ok("provider.addresses") && p.Addresses < 2 {
		d.reject("provider.addresses", "", "%d is too few: a router takes one and a floating IP another", p.Addresses)
	}
	d.validateElasticIPs(p)
	if !d.ok("vpc.cidr", "provider.subnet", "provider.addresses", "provider.first") {
		return
	}
	end := size(p.Subnet) - reservedLast // offset behind the last usable address
	if !p.Subnet.Contains(p.First) {
		d.reject("provider.first", "", "%s is outside the subnet %s", p.First, p.Subnet)
		return
	}
	first := offset(p.Subnet.Addr(), p.First)
	if first < reservedFirst || first >= end {
		d.reject("provider.first", fmt.Sprintf("AWS keeps the first four and the last; usable are %s to %s",
			nth(p.Subnet, reservedFirst), nth(p.Subnet, end-1)), "%s is reserved by AWS in %s", p.First, p.Subnet)
		return
	}
	if end-first < p.Addresses {
		path := "provider.addresses"
		if !d.has(path) {
			path = "provider.first"
		}
		d.reject(path, "", "%d addresses from %s on do not fit in %s: there are %d", p.Addresses, p.First, p.Subnet, end-first)
		return
	}
	if free := end - reservedFirst - p.Addresses; free < len(c.Nodes) {
		d.reject("provider.addresses", "take a larger provider.subnet",
			"%d of the usable addresses of %s leave %d: each node's provider ENI needs one of its own", p.Addresses, p.Subnet, free)
	}
}

func (d *decoder) validateNodes(c *Cloud) {
	if !d.ok("nodes") {
		return
	}
	if len(c.Nodes) == 0 {
		d.reject("nodes", "leave the key out for one node with every role", "is empty")
		return
	}
	names, played := map[string]bool{}, map[Role]bool{}
	for i, n := range c.Nodes {
		path := fmt.Sprintf("nodes[%d]", i)
		if d.ok(path + ".name") {
			switch {
			case !namePattern.MatchString(n.Name):
				d.reject(path+".name", nameHint, "%q is not a name", n.Name)
			case names[n.Name]:
				d.reject(path+".name", "", "there is another node %q", n.Name)
			}
			names[n.Name] = true
		}
		d.validateRoles(path+".roles", n.Roles, played)
		if n.Image != "" && d.ok(path+".image") && !imagePattern.MatchString(n.Image) {
			d.reject(path+".image", "", "%q is not an image ID such as ami-0123456789abcdef0", n.Image)
		}
		if d.ok(path+".disk") && n.Disk < 10 {
			d.reject(path+".disk", "", "%d GiB is too little: at least 10", n.Disk)
		}
	}
	if d.allRead("nodes") {
		for _, r := range Roles() {
			if !played[r] {
				d.reject("nodes", "", "no node has the role %s", r)
			}
		}
	}
	if len(c.Nodes) > 1 {
		d.reject("nodes", "keep one node, with every role", "more than one node is not supported yet")
	}
}

func (d *decoder) validateRoles(path string, roles []Role, played map[Role]bool) {
	if !d.ok(path) || !d.allRead(path) {
		return
	}
	if len(roles) == 0 {
		d.reject(path, "leave the key out for all roles", "is empty")
	}
	var known []string
	for _, r := range Roles() {
		known = append(known, string(r))
	}
	seen := map[Role]bool{}
	for i, r := range roles {
		at := fmt.Sprintf("%s[%d]", path, i)
		switch {
		case !slices.Contains(known, string(r)):
			d.reject(at, suggest(string(r), known), "unknown role %q", r)
		case seen[r]:
			d.reject(at, "", "role %q a second time", r)
		}
		seen[r], played[r] = true, true
	}
}

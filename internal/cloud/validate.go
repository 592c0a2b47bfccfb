// SPDX-License-Identifier: Apache-2.0

package cloud

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"macaw.example/internal/model"
)

var (
	// A name becomes part of host names and of tags.
	namePattern   = regexp.MustCompile(`^[a-z]([a-z0-9-]{0,30}[a-z0-9])?$`)
	regionPattern = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]$`)
	sumPattern    = regexp.MustCompile(`^[0-9a-fA-F]{64}$`)
	imagePattern  = regexp.MustCompile(`^ami-[0-9a-f]{8,17}$`)
	// Local and Wavelength Zones have longer names (EC2 User Guide,
	// using-regions-availability-zones); they have neither all types nor NAT.
	zonePattern = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9][a-z]$`)
	// A type is a family and a size (EC2 User Guide, instance-types).
	typePattern = regexp.MustCompile(`^[a-z][a-z0-9-]{0,20}\.[a-z0-9][a-z0-9-]{0,20}$`)
)

// privateRanges are the ranges that a VPC may use. AWS also accepts public ones (VPC User Guide,
// vpc-cidr-blocks), but then guests could not reach their real owners.
var privateRanges = prefixes("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", // RFC 1918
	"100.64.0.0/10", // RFC 6598
	"198.18.0.0/15") // RFC 2544

// unusableRanges are refused by AWS (VPC User Guide, vpc-cidr-blocks).
var unusableRanges = map[string][]netip.Prefix{
	"link-local": prefixes("169.254.0.0/16"),
	"loopback":   prefixes("127.0.0.0/8"),
	"multicast":  prefixes("224.0.0.0/4"),
	"no address": prefixes("0.0.0.0/8"),
}

// labElasticIPs is the range of the lab's Elastic IPs.
var labElasticIPs = netip.MustParsePrefix("198.51.100.0/24")

func prefixes(all ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(all))
	for i, s := range all {
		out[i] = netip.MustParsePrefix(s)
	}
	return out
}

// ManagementPorts are the TCP ports that an operator needs: SSH, and HTTPS for the APIs, the dashboard
// and its consoles. Port 80 redirects to it.
func ManagementPorts() []uint16 { return []uint16{22, 80, 443} }

// A security group has at most 60 inbound rules (VPC User Guide, amazon-vpc-limits). Some let nodes reach
// each other: one if there is one node, and otherwise those of the controller's group, see package infra.
const maxRules, rulesOfNode, rulesOfController = 60, 1, 8

const nameHint = "lower-case letters, digits and hyphens, a letter first, at most 32 characters"

func (d *decoder) validate(c *Cloud) {
	d.validateIdentity(c)
	d.validateNetworks(c)
	d.validateTLS(c.Management)
	d.validateProvider(c)
	d.validateNodes(c)
	d.validateLimits(c)
	if c.Verify.Image != "" && d.ok("verify.image") {
		u, err := url.Parse(c.Verify.Image)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
			d.reject("verify.image", "", "%q is not an http or https URL", c.Verify.Image)
		}
	}
	const sum = "verify.sha256"
	switch {
	case c.Verify.SHA256 == "" || !d.ok(sum):
	case !sumPattern.MatchString(c.Verify.SHA256):
		d.reject(sum, "64 hexadecimal digits, as printed by sha256sum or published in SHA256SUMS",
			"%q is not a SHA-256 checksum", c.Verify.SHA256)
	case !d.has("verify.image"):
		d.reject(sum, "leave it out: the image that is used without verify.image is always checked",
			"is the checksum of verify.image, which is missing")
	default:
		c.Verify.SHA256 = strings.ToLower(c.Verify.SHA256)
	}
}

func (d *decoder) validateIdentity(c *Cloud) {
	if !d.has("name") {
		d.reject("name", "it identifies the cloud's resources: "+nameHint, "is missing")
	} else if d.ok("name") && !namePattern.MatchString(c.Name) {
		d.reject("name", nameHint, "%q is not a name", c.Name)
	} else if d.ok("name") && (c.Name == "sg" || strings.HasPrefix(c.Name, "sg-")) {
		// EC2 API Reference, CreateSecurityGroup, GroupName.
		d.reject("name", "", "%q: names of security groups begin with the cloud's name, and AWS refuses sg-",
			c.Name)
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
	if d.has("availabilityZone") && d.ok("availabilityZone", "target") && d.has("target") {
		switch {
		case !c.InLab() && !strings.HasPrefix(c.AvailabilityZone, c.Target):
			d.reject("availabilityZone", fmt.Sprintf("one of %[1]s is called %[1]sa", c.Target),
				"%q is not in region %s", c.AvailabilityZone, c.Target)
		case !zonePattern.MatchString(c.AvailabilityZone):
			d.reject("availabilityZone", "leave it out for the first that has the instance type",
				"%q is not an availability zone such as eu-central-1a", c.AvailabilityZone)
		}
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
	if d.ok("vpc.cidr") {
		d.validateRange("vpc.cidr", c.VPC.CIDR, c.InLab())
	}
	d.validateSubnet("management.subnet", c.Management.Subnet, c.VPC.CIDR)
	d.validateSubnet("provider.subnet", c.Provider.Subnet, c.VPC.CIDR)
	d.validatePrivate(c)
	d.validateRoom(c)
	if d.ok("vpc.cidr", "management.subnet", "provider.subnet") && c.Management.Subnet.Overlaps(c.Provider.Subnet) {
		path, other, p, q := "provider.subnet", "management.subnet", c.Provider.Subnet, c.Management.Subnet
		if !d.has(path) {
			path, other, p, q = other, path, q, p
		}
		d.reject(path, "", "%s overlaps %s %s", p, other, q)
	}
	const allow = "management.allow"
	if d.has(allow) && d.ok(allow) {
		d.validateAllow(allow, c)
	}
	switch {
	case d.has(allow) && d.ok(allow) && len(c.Management.Allow) == 0 && !c.Management.AllowOperator && d.allRead(allow):
		d.reject(allow, "auto for this machine's address, or your own such as 198.51.100.7/32",
			"is empty: nobody could reach the cloud")
	case !d.has(allow) && d.has("target") && d.ok("target") && !c.InLab():
		d.reject(allow, "auto for this machine's address, or your own such as 198.51.100.7/32, as "+
			"curl https://checkip.amazonaws.com shows it",
			"is missing: on AWS the file must say who may reach SSH, the APIs and the dashboard")
	}
}

// validateRange refuses ranges that a VPC cannot have, or that would hide addresses from its
// guests.
func (d *decoder) validateRange(path string, p netip.Prefix, lab bool) {
	const hint = "take one inside 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16"
	for what, ranges := range unusableRanges {
		if slices.ContainsFunc(ranges, p.Overlaps) {
			d.reject(path, hint, "%s is %s, which AWS refuses", p, what)
			return
		}
	}
	if lab && p.Overlaps(labElasticIPs) {
		d.reject(path, hint, "%s overlaps %s, the range of the lab's Elastic IPs", p, labElasticIPs)
		return
	}
	if !slices.ContainsFunc(privateRanges,
		func(r netip.Prefix) bool { return r.Bits() <= p.Bits() && r.Contains(p.Addr()) }) {
		d.reject(path, hint, "%s is not private: guests could not reach its owners on the Internet", p)
	}
}

// validateAllow counts the rules of the security group that lets the operator in.
func (d *decoder) validateAllow(path string, c *Cloud) {
	different := map[netip.Prefix]bool{}
	for _, p := range c.Management.Allow {
		different[p] = true
	}
	if c.Management.AllowOperator {
		different[netip.Prefix{}] = true
	}
	ports, own := len(ManagementPorts()), rulesOfNode
	if len(c.Nodes) > 1 {
		own = rulesOfController
	}
	if need := len(different)*ports + own; need > maxRules {
		d.reject(path, "join neighbours to larger networks",
			"%d networks with %d ports each need %d rules, and a security group of AWS has at most %d: at most %d networks",
			len(different), ports, need, maxRules, (maxRules-own)/ports)
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
		d.reject(path, "", "%s is not between /%d and /%d, AWS's limits for a subnet", subnet, shortestPrefix, longestPrefix)
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
	end := size(p.Subnet) - reservedLast // offset after the last usable address
	if !p.Subnet.Contains(p.First) {
		d.reject("provider.first", "", "%s is outside the subnet %s", p.First, p.Subnet)
		return
	}
	first := offset(p.Subnet.Addr(), p.First)
	if first < reservedFirst || first >= end {
		d.reject("provider.first", fmt.Sprintf("AWS reserves the first four and the last; usable: %s to %s",
			nth(p.Subnet, reservedFirst), nth(p.Subnet, end-1)), "%s is reserved by AWS in %s", p.First, p.Subnet)
		return
	}
	if end-first < p.Addresses {
		path := "provider.addresses"
		if !d.has(path) {
			path = "provider.first"
		}
		d.reject(path, "", "%d addresses from %s on do not fit in %s: there are %d", p.Addresses, p.First, p.Subnet,
			end-first)
		return
	}
	if free := end - reservedFirst - p.Addresses; free < len(c.With(model.Gateway)) {
		d.reject("provider.addresses", "take a larger provider.subnet",
			"%d of the usable addresses of %s leave %d: each gateway's provider ENI needs one of its own",
			p.Addresses, p.Subnet, free)
	}
}

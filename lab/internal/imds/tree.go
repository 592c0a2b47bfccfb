// SPDX-License-Identifier: Apache-2.0

package imds

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// node is a value, or a list of names if it has children.
type node struct {
	value    string
	children map[string]*node
	// listing replaces the list of the children's names.
	listing string
}

// put sets the value at a path; an empty value is omitted.
func (n *node) put(path, value string) {
	if value == "" {
		return
	}
	n.at(path).value = value
}

func (n *node) at(path string) *node {
	for name := range strings.SplitSeq(path, "/") {
		if n.children == nil {
			n.children = map[string]*node{}
		}
		if n.children[name] == nil {
			n.children[name] = &node{}
		}
		n = n.children[name]
	}
	return n
}

// get returns the text at a path. The path of a list may end with a slash, that of a value
// may not.
func (n *node) get(path string) (text string, ok bool) {
	slash := strings.HasSuffix(path, "/")
	for name := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		if name == "" {
			continue
		}
		if n = n.children[name]; n == nil {
			return "", false
		}
	}
	if n.children == nil {
		return n.value, !slash
	}
	return n.list(), true
}

// list returns the children's names, one per line; names of children with children end with
// a slash (EC2 User Guide, instancedata-data-retrieval).
func (n *node) list() string {
	if n.listing != "" {
		return n.listing
	}
	var names []string
	for _, name := range slices.Sorted(maps.Keys(n.children)) {
		if n.children[name].children != nil {
			name += "/"
		}
		names = append(names, name)
	}
	return strings.Join(names, "\n")
}

// newTree makes the tree of one version for an instance: meta-data, dynamic and user-data
// (EC2 User Guide, ec2-instance-metadata, "Instance metadata categories").
func newTree(i Instance) *node {
	root := &node{}
	if i.UserData != nil {
		root.at("user-data").value = string(i.UserData)
	}
	root.at("dynamic/instance-identity/document").value = identityDocument(i)
	root.listing = "dynamic\nmeta-data" // without slashes at this level
	if i.UserData != nil {
		root.listing += "\nuser-data"
	}
	m := root.at("meta-data")
	m.put("ami-id", i.ImageID)
	m.put("ami-launch-index", strconv.Itoa(i.LaunchIndex))
	m.put("ami-manifest-path", "(unknown)")
	m.put("block-device-mapping/ami", "/dev/xvda")
	m.put("block-device-mapping/root", "/dev/xvda")
	m.put("hostname", i.PrivateDNS)
	m.put("instance-action", "none")
	m.put("instance-id", i.ID)
	i.Spot.put(m)
	m.put("instance-type", i.Type)
	m.put("local-hostname", i.PrivateDNS)
	m.put("placement/availability-zone", i.Zone)
	m.put("placement/availability-zone-id", i.ZoneID)
	m.put("placement/region", i.Region)
	m.put("profile", "default-hvm")
	m.put("public-hostname", i.PublicDNS)
	m.put("reservation-id", i.Reservation)
	m.put("services/domain", "amazonaws.com")
	m.put("services/partition", "aws")
	if i.PublicKey != "" {
		m.put("public-keys/0/openssh-key", i.PublicKey+"\n")
		m.at("public-keys").listing = "0=" + i.KeyName
	}
	if i.Options.ShowTags {
		// EC2 refuses keys with a slash when tags are enabled in metadata (EC2 User Guide,
		// work-with-tags-in-IMDS).
		for key, value := range i.Tags {
			if !strings.Contains(key, "/") {
				m.at("tags/instance/" + key).value = value
			}
		}
	}
	for index, nic := range i.NICs {
		if index == 0 {
			m.put("local-ipv4", nic.Addresses[0])
			m.put("mac", nic.MAC)
			if len(nic.IPv6) > 0 {
				m.put("ipv6", nic.IPv6[0])
			}
			m.put("public-ipv4", nic.Public[nic.Addresses[0]])
			m.put("security-groups", joined(nic.Groups, func(g Group) string { return g.Name }))
		}
		nic.put(m.at("network/interfaces/macs/"+nic.MAC), i.Account)
	}
	return root
}

// put adds the subtree of a network interface.
func (n NIC) put(m *node, owner string) {
	m.put("device-number", strconv.Itoa(n.DeviceIndex))
	m.put("interface-id", n.ENI)
	m.put("local-hostname", n.PrivateDNS)
	m.put("local-ipv4s", strings.Join(n.Addresses, "\n"))
	m.put("mac", n.MAC)
	m.put("network-card", "0")
	m.put("owner-id", owner)
	m.put("public-hostname", n.PublicDNS)
	m.put("security-group-ids", joined(n.Groups, func(g Group) string { return g.ID }))
	m.put("security-groups", joined(n.Groups, func(g Group) string { return g.Name }))
	m.put("subnet-id", n.Subnet)
	m.put("subnet-ipv4-cidr-block", n.SubnetCIDR)
	m.put("vpc-id", n.VPC)
	if len(n.VPCCIDRs) > 0 {
		m.put("vpc-ipv4-cidr-block", n.VPCCIDRs[0])
		m.put("vpc-ipv4-cidr-blocks", strings.Join(n.VPCCIDRs, "\n"))
	}
	var public []string
	for _, private := range n.Addresses {
		if p := n.Public[private]; p != "" {
			public = append(public, p)
			m.put("ipv4-associations/"+p, private)
		}
	}
	m.put("public-ipv4s", strings.Join(public, "\n"))
	m.put("ipv6s", strings.Join(n.IPv6, "\n"))
	m.put("ipv4-prefix", strings.Join(n.Prefixes, "\n"))
	m.put("ipv6-prefix", strings.Join(n.IPv6Prefixes, "\n"))
	m.put("subnet-ipv6-cidr-blocks", strings.Join(n.SubnetIPv6CIDRs, "\n"))
	m.put("vpc-ipv6-cidr-blocks", strings.Join(n.VPCIPv6CIDRs, "\n"))
}

// put adds an instance's lifecycle, and the notices that it has received as a Spot Instance. Without a notice its item
// is not there (EC2 User Guide, spot-instance-termination-notices and rebalance-recommendations).
func (s Spot) put(m *node) {
	m.put("instance-life-cycle", "on-demand")
	if !s.Spot {
		return
	}
	m.put("instance-life-cycle", "spot")
	const form = "2006-01-02T15:04:05Z"
	if at := s.Terminate.UTC(); !at.IsZero() {
		m.put("spot/instance-action", `{"action": "terminate", "time": "`+at.Format(form)+`"}`)
		m.put("spot/termination-time", at.Format(form))
	}
	if at := s.Rebalance.UTC(); !at.IsZero() {
		m.put("events/recommendations/rebalance", `{"noticeTime": "`+at.Format(form)+`"}`)
	}
}

func joined[T any](all []T, text func(T) string) string {
	texts := make([]string, len(all))
	for i, v := range all {
		texts[i] = text(v)
	}
	return strings.Join(texts, "\n")
}

// identityDocument is the instance identity document (EC2 User Guide,
// instance-identity-documents). The signature documents are missing: the lab cannot sign as
// AWS does.
func identityDocument(i Instance) string {
	document := struct {
		AccountID               string  `json:"accountId"`
		Architecture            string  `json:"architecture"`
		AvailabilityZone        string  `json:"availabilityZone"`
		BillingProducts         *string `json:"billingProducts"`
		DevpayProductCodes      *string `json:"devpayProductCodes"`
		MarketplaceProductCodes *string `json:"marketplaceProductCodes"`
		ImageID                 string  `json:"imageId"`
		InstanceID              string  `json:"instanceId"`
		InstanceType            string  `json:"instanceType"`
		KernelID                *string `json:"kernelId"`
		PendingTime             string  `json:"pendingTime"`
		PrivateIP               string  `json:"privateIp"`
		RamdiskID               *string `json:"ramdiskId"`
		Region                  string  `json:"region"`
		Version                 string  `json:"version"`
	}{
		AccountID: i.Account, Architecture: i.Architecture, AvailabilityZone: i.Zone, ImageID: i.ImageID, InstanceID: i.ID,
		InstanceType: i.Type, PendingTime: i.Launched.UTC().Format(time.RFC3339), Region: i.Region, Version: "2017-09-30",
	}
	if len(i.NICs) > 0 {
		document.PrivateIP = i.NICs[0].Addresses[0]
	}
	text, err := json.MarshalIndent(document, "", "  ")
	if err != nil {
		panic(err) // strings only
	}
	return string(text)
}

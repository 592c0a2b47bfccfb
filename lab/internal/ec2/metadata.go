// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"maps"

	"macaw.example/lab/internal/imds"
)

// Metadata returns the data that the metadata service shows to the instance with a
// network interface. It makes a State an imds.Source.
func (s *State) Metadata(eni string) (imds.Instance, bool) { return s.view().metadata(eni) }

func (t *tx) metadata(eni string) (imds.Instance, bool) {
	e := t.ENIs[eni]
	if e == nil || e.NATGateway != "" || !t.carries(e) {
		return imds.Instance{}, false
	}
	i := t.Instances[e.Attachment.Instance]
	x := t.instanceXML(i)
	m := imds.Instance{ID: i.ID, ImageID: i.Image, Type: i.Type, Architecture: x.Architecture, Account: t.cfg.Account,
		Region: t.cfg.Region, Zone: i.Zone, ZoneID: t.cfg.zoneID(i.Zone),
		Reservation: i.Reservation, LaunchIndex: i.LaunchIndex,
		Launched: i.Launched, PrivateDNS: x.PrivateDNS, PublicDNS: x.PublicDNS, KeyName: i.KeyName, PublicKey: i.PublicKey,
		Profile: imds.Profile{ARN: i.Profile.ARN, ID: i.Profile.ID}, Spot: i.spotMetadata(),
		Tags: maps.Clone(i.Tags), Options: imds.Options{Disabled: i.Metadata.Endpoint == "disabled",
			TokenOptional: i.Metadata.Tokens == "optional", HopLimit: i.Metadata.HopLimit,
			ShowTags: i.Metadata.Tags == "enabled"}}
	if len(i.UserData) > 0 {
		m.UserData = i.UserData
	}
	for _, e := range t.enisOf(i.ID) {
		m.NICs = append(m.NICs, t.metadataNIC(e))
	}
	return m, true
}

func (t *tx) metadataNIC(e *eniRecord) imds.NIC {
	n := imds.NIC{ENI: e.ID, MAC: e.MAC.String(), DeviceIndex: e.Attachment.DeviceIndex, Public: map[string]string{},
		PrivateDNS: t.cfg.privateDNS(e.primary()), Subnet: e.Subnet, SubnetCIDR: t.Subnets[e.Subnet].CIDR.String(),
		VPC: e.VPC, VPCCIDRs: texts(t.VPCs[e.VPC].blocks()), VPCIPv6CIDRs: texts(t.VPCs[e.VPC].blocks6()),
		Addresses: texts(e.Addresses), IPv6: texts(e.IPv6),
		Prefixes: texts(e.prefixes(false)), IPv6Prefixes: texts(e.prefixes(true))}
	if s := t.Subnets[e.Subnet]; s.IPv6.IsValid() {
		n.SubnetIPv6CIDRs = []string{s.IPv6.String()}
	}
	for _, a := range e.Addresses {
		if public, _ := t.publicOn(e, a); public.IsValid() {
			n.Public[a.String()] = public.String()
		}
	}
	if public, _ := t.publicOn(e, e.primary()); public.IsValid() && t.dnsHostnames(e.VPC) {
		n.PublicDNS = t.cfg.publicDNS(public)
	}
	for _, id := range e.Groups {
		g := t.groupRef(id)
		n.Groups = append(n.Groups, imds.Group{ID: g.ID, Name: g.Name})
	}
	return n
}

func texts[T interface{ String() string }](all []T) []string {
	return mapped(all, T.String)
}

package ec2

import (
	"maps"

	"macaw/internal/lab/imds"
)

// Metadata is what the metadata service tells the instance that a network
// interface is attached to, and makes a State an imds.Source.
func (s *State) Metadata(eni string) (imds.Instance, bool) {
	t := s.view()
	e := t.ENIs[eni]
	if e == nil || !t.carries(e) {
		return imds.Instance{}, false
	}
	i := t.Instances[e.Attachment.Instance]
	x := t.instanceXML(i)
	m := imds.Instance{ID: i.ID, ImageID: i.Image, Type: i.Type, Architecture: x.Architecture, Account: t.cfg.Account,
		Region: t.cfg.Region, Zone: i.Zone, ZoneID: t.cfg.zoneID(i.Zone), Reservation: i.Reservation, LaunchIndex: i.LaunchIndex,
		Launched: i.Launched, PrivateDNS: x.PrivateDNS, PublicDNS: x.PublicDNS, KeyName: i.KeyName, PublicKey: i.PublicKey,
		Tags: maps.Clone(i.Tags), Options: imds.Options{Disabled: i.Metadata.Endpoint == "disabled",
			TokenOptional: i.Metadata.Tokens == "optional", HopLimit: i.Metadata.HopLimit, ShowTags: i.Metadata.Tags == "enabled"}}
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
		VPC: e.VPC, VPCCIDRs: []string{t.VPCs[e.VPC].CIDR.String()}}
	for _, a := range e.Addresses {
		n.Addresses = append(n.Addresses, a.String())
		if elastic := t.addressOn(e.ID, a); elastic != nil {
			n.Public[a.String()] = elastic.Public.String()
		}
	}
	if public := n.Public[e.primary().String()]; public != "" && t.dnsHostnames(e.VPC) {
		n.PublicDNS = t.cfg.publicDNS(t.addressOn(e.ID, e.primary()).Public)
	}
	for _, id := range e.Groups {
		g := t.groupRef(id)
		n.Groups = append(n.Groups, imds.Group{ID: g.ID, Name: g.Name})
	}
	return n
}

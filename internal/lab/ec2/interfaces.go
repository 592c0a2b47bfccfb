package ec2

import (
	"crypto/rand"
	"net/netip"
	"slices"
	"strings"
	"time"

	"macaw/internal/lab/vpc"
)

type eniRecord struct {
	ID              string
	Subnet          string
	VPC             string
	MAC             vpc.MAC
	Addresses       []netip.Addr // the primary first
	Description     string
	SourceDestCheck bool
	Groups          []string
	Attachment      *attachmentRecord
	Created         time.Time
	tagHolder
}

func (e *eniRecord) primary() netip.Addr {
	if len(e.Addresses) == 0 {
		return netip.Addr{} // only of the empty record that filters are tried on
	}
	return e.Addresses[0]
}

func (e *eniRecord) status() string {
	switch {
	case e.Attachment == nil:
		return "available"
	case e.Attachment.Status == attached:
		return "in-use"
	}
	return e.Attachment.Status
}

// maxGroups is the quota of security groups on an interface (VPC User Guide,
// amazon-vpc-limits).
const maxGroups = 5

// eniSpec is how CreateNetworkInterface and RunInstances describe a new one.
type eniSpec struct {
	Description                    string
	SubnetId                       string
	SecurityGroupId                []string
	PrivateIpAddress               string
	PrivateIpAddresses             []privateAddressInput
	SecondaryPrivateIpAddressCount int
	InterfaceType                  string
}

type privateAddressInput struct {
	PrivateIpAddress string `form:",required"`
	Primary          bool
}

// newENI makes an interface.
func (t *tx) newENI(in eniSpec) (*eniRecord, error) {
	if in.SubnetId == "" {
		return nil, missingParameter("subnetId")
	}
	if in.InterfaceType != "" && in.InterfaceType != "interface" {
		return nil, unsupported("The lab has no network interfaces of type %s", in.InterfaceType)
	}
	s, err := find(kindSubnet, t.Subnets, in.SubnetId)
	if err != nil {
		return nil, err
	}
	e := &eniRecord{ID: kindENI.newID(), Subnet: s.ID, VPC: s.VPC, Description: in.Description, SourceDestCheck: true, Created: t.now}
	if e.Groups, err = t.groupsFor(s.VPC, in.SecurityGroupId); err != nil {
		return nil, err
	}
	if e.Addresses, err = t.chooseAddresses(s, in); err != nil {
		return nil, err
	}
	e.MAC = t.newMAC()
	t.ENIs[e.ID] = e
	return e, nil
}

// groupsFor checks the security groups of an interface; none stands for the
// VPC's default group.
func (t *tx) groupsFor(vpcID string, ids []string) ([]string, error) {
	if len(ids) == 0 {
		return []string{t.defaultGroupOf(vpcID).ID}, nil
	}
	var groups []string
	for _, id := range ids {
		g, err := find(kindGroup, t.Groups, id)
		if err != nil {
			return nil, err
		}
		if g.VPC != vpcID {
			return nil, invalidParameter("You have specified two resources that belong to different networks.")
		}
		if !slices.Contains(groups, id) {
			groups = append(groups, id)
		}
	}
	if len(groups) > maxGroups {
		return nil, fail("SecurityGroupsPerInterfaceLimitExceeded", "The maximum number of security groups per interface has been reached.")
	}
	return groups, nil
}

// newMAC makes a locally administered address of the kind AWS gives out.
func (t *tx) newMAC() vpc.MAC {
	for {
		var m vpc.MAC
		rand.Read(m[:]) // never fails, by its documentation
		m[0] = 0x0a
		taken := false
		for _, e := range t.ENIs {
			taken = taken || e.MAC == m
		}
		if !taken {
			return m
		}
	}
}

// deleteENI removes an interface; its Elastic IPs become free to use.
func (t *tx) deleteENI(e *eniRecord) {
	for _, a := range t.Addresses {
		if a.ENI == e.ID {
			a.disassociate()
		}
	}
	delete(t.ENIs, e.ID)
}

type createNetworkInterfaceInput struct {
	dryRun
	tagged
	eniSpec
	ClientToken string
}

type createNetworkInterfaceOutput struct {
	response
	Interface eniXML `xml:"networkInterface"`
	Token     string `xml:"clientToken,omitempty"`
}

func createNetworkInterface(t *tx, in createNetworkInterfaceInput) (*createNetworkInterfaceOutput, error) {
	made, again, err := t.replay(in.ClientToken)
	if err != nil {
		return nil, err
	}
	e := t.ENIs[made]
	if !again || e == nil {
		if e, err = t.newENI(in.eniSpec); err != nil {
			return nil, err
		}
		if e.Tags, err = in.tagsFor(kindENI); err != nil {
			return nil, err
		}
		t.remember(in.ClientToken, e.ID)
	}
	return &createNetworkInterfaceOutput{Interface: t.eniXML(e), Token: in.ClientToken}, nil
}

type eniIDInput struct {
	dryRun
	NetworkInterfaceId string `form:",required"`
}

func deleteNetworkInterface(t *tx, in eniIDInput) (*done, error) {
	e, err := find(kindENI, t.ENIs, in.NetworkInterfaceId)
	if err != nil {
		return nil, err
	}
	if e.Attachment != nil {
		return nil, invalidParameter("Network interface '%s' is currently in use.", e.ID)
	}
	t.deleteENI(e)
	return ok()
}

type describeNetworkInterfacesInput struct {
	query
	NetworkInterfaceId []string
}

type describeNetworkInterfacesOutput struct {
	response
	Interfaces set[eniXML] `xml:"networkInterfaceSet"`
	NextToken  string      `xml:"nextToken,omitempty"`
}

func describeNetworkInterfaces(t *tx, in describeNetworkInterfacesInput) (*describeNetworkInterfacesOutput, error) {
	enis, next, err := choose(selection[eniRecord]{
		kind:   kindENI,
		id:     func(e *eniRecord) string { return e.ID },
		tags:   func(e *eniRecord) tags { return e.Tags },
		values: t.eniValues,
	}, byID(t.ENIs), in.NetworkInterfaceId, in.query)
	if err != nil {
		return nil, err
	}
	return &describeNetworkInterfacesOutput{Interfaces: setOf(enis, t.eniXML), NextToken: next}, nil
}

type attachmentChange struct {
	AttachmentId        string `form:",required"`
	DeleteOnTermination *bool
}

type modifyNetworkInterfaceInput struct {
	dryRun
	NetworkInterfaceId string `form:",required"`
	Description        *stringValue
	SourceDestCheck    *boolValue
	SecurityGroupId    []string
	Attachment         *attachmentChange
}

// modifyNetworkInterfaceAttribute changes one attribute at a time, as EC2 does.
func modifyNetworkInterfaceAttribute(t *tx, in modifyNetworkInterfaceInput) (*done, error) {
	e, err := find(kindENI, t.ENIs, in.NetworkInterfaceId)
	if err != nil {
		return nil, err
	}
	var given []string
	if in.Description != nil {
		given = append(given, "description")
		e.Description = in.Description.Value
	}
	if in.SourceDestCheck != nil {
		given = append(given, "sourceDestCheck")
		e.SourceDestCheck = in.SourceDestCheck.Value
	}
	if len(in.SecurityGroupId) > 0 {
		given = append(given, "groupSet")
		if e.Groups, err = t.groupsFor(e.VPC, in.SecurityGroupId); err != nil {
			return nil, err
		}
	}
	if in.Attachment != nil {
		given = append(given, "attachment")
		if e.Attachment == nil || e.Attachment.ID != in.Attachment.AttachmentId {
			return nil, kindAttachment.missing(in.Attachment.AttachmentId)
		}
		if in.Attachment.DeleteOnTermination != nil {
			e.Attachment.DeleteOnTermination = *in.Attachment.DeleteOnTermination
		}
	}
	switch len(given) {
	case 0:
		return nil, missingParameter("description, sourceDestCheck, groupSet or attachment")
	case 1:
		return ok()
	}
	return nil, badCombination("Fields for multiple attribute types specified: %s", joinComma(given))
}

func joinComma(s []string) string { return strings.Join(s, ", ") }

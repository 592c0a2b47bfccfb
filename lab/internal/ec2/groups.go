// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"regexp"
	"slices"
)

type groupRecord struct {
	ID          string
	VPC         string
	Name        string
	Description string
	tagHolder
}

const defaultGroup = "default"

func (g *groupRecord) isDefault() bool { return g.Name == defaultGroup }

// newDefaultGroup makes the group of ENIs created without one: inbound everything from
// the group itself, outbound everything (VPC User Guide, default-security-group).
func (t *tx) newDefaultGroup(v *vpcRecord) {
	g := &groupRecord{ID: kindGroup.newID(), VPC: v.ID, Name: defaultGroup, Description: "default VPC security group"}
	t.Groups[g.ID] = g
	t.addRule(&ruleRecord{Group: g.ID, Protocol: anyProtocol, From: -1, To: -1, Source: g.ID})
	t.allowOut(g)
}

// allOut is the rule that allows all outbound traffic to a CIDR.
func allOut(group, cidr string) *ruleRecord {
	return &ruleRecord{Group: group, Egress: true, Protocol: anyProtocol, From: -1, To: -1, CIDR: cidr}
}

// allowOut adds a new group's rules: all outbound traffic, IPv6 included if the VPC has
// it (VPC User Guide, default-security-group).
func (t *tx) allowOut(g *groupRecord) {
	t.addRule(allOut(g.ID, "0.0.0.0/0"))
	if len(t.VPCs[g.VPC].IPv6) > 0 {
		t.addRule(allOut(g.ID, "::/0"))
	}
}

// allowOut6 allows all outbound IPv6 traffic in those groups of a VPC whose outbound
// rules are still the initial ones (VPC User Guide, default-security-group).
func (t *tx) allowOut6(v *vpcRecord) {
	for _, g := range byID(t.Groups) {
		if g.VPC != v.ID {
			continue
		}
		if rules := t.rulesOf(g.ID, true); len(rules) == 1 && rules[0].same(allOut(g.ID, "0.0.0.0/0")) {
			t.addRule(allOut(g.ID, "::/0"))
		}
	}
}

func (t *tx) defaultGroupOf(vpc string) *groupRecord {
	for _, g := range t.Groups {
		if g.VPC == vpc && g.isDefault() {
			return g
		}
	}
	return nil
}

// deleteGroup removes a group with its rules.
func (t *tx) deleteGroup(id string) {
	for ruleID, r := range t.Rules {
		if r.Group == id {
			delete(t.Rules, ruleID)
		}
	}
	delete(t.Groups, id)
}

type groupXML struct {
	ID          string             `xml:"groupId" filter:"group-id"`
	ARN         string             `xml:"securityGroupArn"`
	Name        string             `xml:"groupName" filter:"group-name"`
	Description string             `xml:"groupDescription" filter:"description"`
	Owner       string             `xml:"ownerId" filter:"owner-id"`
	VPC         string             `xml:"vpcId" filter:"vpc-id"`
	Ingress     set[permissionXML] `xml:"ipPermissions" filter:"ip-permission"`
	Egress      set[permissionXML] `xml:"ipPermissionsEgress" filter:"egress.ip-permission"`
	Tags        set[tagXML]        `xml:"tagSet" filter:""`
}

func (t *tx) groupXML(g *groupRecord) groupXML {
	return groupXML{ID: g.ID, ARN: t.cfg.arn("security-group", g.ID), Name: g.Name, Description: g.Description,
		Owner: t.cfg.Account, VPC: g.VPC, Tags: g.Tags.xml(),
		Ingress: t.permissionsXML(g.ID, false), Egress: t.permissionsXML(g.ID, true)}
}

type createSecurityGroupInput struct {
	dryRun
	tagged
	GroupName        string     `form:",required"`
	GroupDescription string     `form:",required"`
	VPC              *vpcRecord `form:"VpcId"`
}

type createSecurityGroupOutput struct {
	response
	Return bool        `xml:"return"`
	ID     string      `xml:"groupId"`
	ARN    string      `xml:"securityGroupArn"`
	Tags   set[tagXML] `xml:"tagSet"`
}

// groupText matches valid names and descriptions (EC2 API Reference,
// CreateSecurityGroup).
var groupText = regexp.MustCompile(`^[a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]{1,255}$`)

func createSecurityGroup(t *tx, in createSecurityGroupInput) (*createSecurityGroupOutput, error) {
	if in.VPC == nil {
		in.VPC = t.defaultVPC()
	}
	switch {
	case in.VPC == nil:
		return nil, noDefaultVPC()
	case in.GroupName == defaultGroup:
		return nil, fail("InvalidGroup.Reserved", "The security group '%s' is reserved", in.GroupName)
	case len(in.GroupName) > 3 && in.GroupName[:3] == "sg-":
		return nil, invalidParameter("Value (%s) for parameter GroupName is invalid. Group names may not be in the format "+
			"sg-*.", in.GroupName)
	case !groupText.MatchString(in.GroupName):
		return nil, invalidParameter("Value (%s) for parameter GroupName is invalid. Character sets beyond ASCII are not "+
			"supported.", in.GroupName)
	case !groupText.MatchString(in.GroupDescription):
		return nil, invalidParameter("Value (%s) for parameter GroupDescription is invalid. Character sets beyond ASCII "+
			"are not supported.", in.GroupDescription)
	}
	for _, g := range t.Groups {
		if g.VPC == in.VPC.ID && g.Name == in.GroupName {
			return nil, fail("InvalidGroup.Duplicate", "The security group '%s' already exists for VPC '%s'", g.Name, g.VPC)
		}
	}
	if len(t.Groups) >= maxGroups {
		return nil, fail("SecurityGroupLimitExceeded", "The maximum number of security groups has been reached.")
	}
	g := &groupRecord{ID: kindGroup.newID(), VPC: in.VPC.ID, Name: in.GroupName, Description: in.GroupDescription}
	var err error
	if g.Tags, err = in.tagsFor(kindGroup); err != nil {
		return nil, err
	}
	t.Groups[g.ID] = g
	t.allowOut(g)
	return &createSecurityGroupOutput{Return: true, ID: g.ID, ARN: t.cfg.arn("security-group", g.ID),
		Tags: g.Tags.xml()}, nil
}

// oneGroup takes an ID only; AWS also takes the name of a group of the default VPC.
type oneGroup struct {
	dryRun
	Group     *groupRecord `form:"GroupId,required"`
	GroupName string
}

type deleteSecurityGroupOutput struct {
	response
	Return bool   `xml:"return"`
	ID     string `xml:"groupId"`
}

func deleteSecurityGroup(t *tx, in oneGroup) (*deleteSecurityGroupOutput, error) {
	g := in.Group
	if g.isDefault() {
		return nil, fail("CannotDelete", "the specified group: \"%s\" name: \"%s\" cannot be deleted by a user", g.ID, g.Name)
	}
	for _, e := range t.ENIs {
		if slices.Contains(e.Groups, g.ID) {
			return nil, fail("DependencyViolation", "resource %s has a dependent object", g.ID)
		}
	}
	for _, r := range t.Rules {
		if r.Source == g.ID && r.Group != g.ID {
			return nil, fail("DependencyViolation", "resource %s has a dependent object", g.ID)
		}
	}
	t.deleteGroup(g.ID)
	return &deleteSecurityGroupOutput{Return: true, ID: g.ID}, nil
}

type describeSecurityGroupsInput struct {
	query
	GroupId   []string
	GroupName []string
}

func describeSecurityGroups(t *tx, in describeSecurityGroupsInput) (*described[groupXML], error) {
	named, err := t.defaultGroups(in.GroupName)
	if err != nil {
		return nil, err
	}
	return list(t, "securityGroupInfo", (*tx).groupXML, append(in.GroupId, named...), in.query)
}

package ec2

import (
	"regexp"
	"slices"
	"strconv"
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

// newDefaultGroup makes the group that ENIs get when none is named: all from
// itself in, all out (VPC User Guide, default-security-group).
func (t *tx) newDefaultGroup(v *vpcRecord) {
	g := &groupRecord{ID: kindGroup.newID(), VPC: v.ID, Name: defaultGroup, Description: "default VPC security group"}
	t.Groups[g.ID] = g
	t.addRule(&ruleRecord{Group: g.ID, Protocol: anyProtocol, From: -1, To: -1, Source: g.ID})
	t.allowOut(g)
}

// allOut is the rule that lets everything out to a CIDR.
func allOut(group, cidr string) *ruleRecord {
	return &ruleRecord{Group: group, Egress: true, Protocol: anyProtocol, From: -1, To: -1, CIDR: cidr}
}

// allowOut adds the rules every group is born with: everything out, by IPv6 too
// if the VPC has it (VPC User Guide, default-security-group).
func (t *tx) allowOut(g *groupRecord) {
	t.addRule(allOut(g.ID, "0.0.0.0/0"))
	if len(t.VPCs[g.VPC].IPv6) > 0 {
		t.addRule(allOut(g.ID, "::/0"))
	}
}

// allowOut6 lets everything out by IPv6 of those groups of a VPC whose outbound
// rules are as they were born (VPC User Guide, default-security-group).
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
	ID          string             `xml:"groupId"`
	ARN         string             `xml:"securityGroupArn"`
	Name        string             `xml:"groupName"`
	Description string             `xml:"groupDescription"`
	Owner       string             `xml:"ownerId"`
	VPC         string             `xml:"vpcId"`
	Ingress     set[permissionXML] `xml:"ipPermissions"`
	Egress      set[permissionXML] `xml:"ipPermissionsEgress"`
	Tags        set[tagXML]        `xml:"tagSet"`
}

func (t *tx) groupXML(g *groupRecord) groupXML {
	return groupXML{ID: g.ID, ARN: t.cfg.arn("security-group", g.ID), Name: g.Name, Description: g.Description,
		Owner: t.cfg.Account, VPC: g.VPC, Tags: g.Tags.xml(),
		Ingress: t.permissionsXML(g.ID, false), Egress: t.permissionsXML(g.ID, true)}
}

type createSecurityGroupInput struct {
	dryRun
	tagged
	GroupName        string `form:",required"`
	GroupDescription string `form:",required"`
	VpcId            string `form:",required"`
}

type createSecurityGroupOutput struct {
	response
	Return bool        `xml:"return"`
	ID     string      `xml:"groupId"`
	ARN    string      `xml:"securityGroupArn"`
	Tags   set[tagXML] `xml:"tagSet"`
}

// groupText is what names and descriptions may be made of (EC2 API Reference,
// CreateSecurityGroup).
var groupText = regexp.MustCompile(`^[a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]{1,255}$`)

func createSecurityGroup(t *tx, in createSecurityGroupInput) (*createSecurityGroupOutput, error) {
	v, err := find(kindVPC, t.VPCs, in.VpcId)
	if err != nil {
		return nil, err
	}
	switch {
	case in.GroupName == defaultGroup:
		return nil, fail("InvalidGroup.Reserved", "The security group '%s' is reserved", in.GroupName)
	case len(in.GroupName) > 3 && in.GroupName[:3] == "sg-":
		return nil, invalidParameter("Value (%s) for parameter GroupName is invalid. Group names may not be in the format sg-*.", in.GroupName)
	case !groupText.MatchString(in.GroupName):
		return nil, invalidParameter("Value (%s) for parameter GroupName is invalid. Character sets beyond ASCII are not supported.", in.GroupName)
	case !groupText.MatchString(in.GroupDescription):
		return nil, invalidParameter("Value (%s) for parameter GroupDescription is invalid. Character sets beyond ASCII are not supported.", in.GroupDescription)
	}
	for _, g := range t.Groups {
		if g.VPC == v.ID && g.Name == in.GroupName {
			return nil, fail("InvalidGroup.Duplicate", "The security group '%s' already exists for VPC '%s'", g.Name, v.ID)
		}
	}
	if len(t.Groups) >= maxGroups {
		return nil, fail("SecurityGroupLimitExceeded", "The maximum number of security groups has been reached.")
	}
	g := &groupRecord{ID: kindGroup.newID(), VPC: v.ID, Name: in.GroupName, Description: in.GroupDescription}
	if g.Tags, err = in.tagsFor(kindGroup); err != nil {
		return nil, err
	}
	t.Groups[g.ID] = g
	t.allowOut(g)
	return &createSecurityGroupOutput{Return: true, ID: g.ID, ARN: t.cfg.arn("security-group", g.ID), Tags: g.Tags.xml()}, nil
}

type groupIDInput struct {
	dryRun
	GroupId   string
	GroupName string
}

type deleteSecurityGroupOutput struct {
	response
	Return bool   `xml:"return"`
	ID     string `xml:"groupId"`
}

func deleteSecurityGroup(t *tx, in groupIDInput) (*deleteSecurityGroupOutput, error) {
	if in.GroupId == "" {
		return nil, missingParameter("GroupId") // names are for default VPCs, which the lab has not
	}
	g, err := find(kindGroup, t.Groups, in.GroupId)
	if err != nil {
		return nil, err
	}
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

type describeSecurityGroupsOutput struct {
	response
	Groups    set[groupXML] `xml:"securityGroupInfo"`
	NextToken string        `xml:"nextToken,omitempty"`
}

func describeSecurityGroups(t *tx, in describeSecurityGroupsInput) (*describeSecurityGroupsOutput, error) {
	if len(in.GroupName) > 0 {
		return nil, invalidParameter("GroupName is for groups of a default VPC, which the lab has not; use the filter group-name")
	}
	groups, next, err := choose(selection[groupRecord]{
		kind:   kindGroup,
		id:     func(g *groupRecord) string { return g.ID },
		tags:   func(g *groupRecord) tags { return g.Tags },
		values: t.groupValues,
	}, byID(t.Groups), in.GroupId, in.query)
	if err != nil {
		return nil, err
	}
	return &describeSecurityGroupsOutput{Groups: setOf(groups, t.groupXML), NextToken: next}, nil
}

func (t *tx) groupValues(g *groupRecord, name string) (values []string, ok bool) {
	rules := func(egress bool, value func(*ruleRecord) string) ([]string, bool) {
		return mapped(t.rulesOf(g.ID, egress), value), true
	}
	switch name {
	case "group-id":
		return one(g.ID)
	case "group-name":
		return one(g.Name)
	case "description":
		return one(g.Description)
	case "vpc-id":
		return one(g.VPC)
	case "owner-id":
		return one(t.cfg.Account)
	case "ip-permission.cidr":
		return rules(false, (*ruleRecord).ipv4CIDR)
	case "ip-permission.ipv6-cidr":
		return rules(false, (*ruleRecord).ipv6CIDR)
	case "ip-permission.from-port":
		return rules(false, func(r *ruleRecord) string { return strconv.Itoa(r.From) })
	case "ip-permission.to-port":
		return rules(false, func(r *ruleRecord) string { return strconv.Itoa(r.To) })
	case "ip-permission.group-id":
		return rules(false, func(r *ruleRecord) string { return r.Source })
	case "ip-permission.protocol":
		return rules(false, func(r *ruleRecord) string { return r.Protocol })
	case "egress.ip-permission.cidr":
		return rules(true, (*ruleRecord).ipv4CIDR)
	case "egress.ip-permission.ipv6-cidr":
		return rules(true, (*ruleRecord).ipv6CIDR)
	case "egress.ip-permission.group-id":
		return rules(true, func(r *ruleRecord) string { return r.Source })
	case "egress.ip-permission.protocol":
		return rules(true, func(r *ruleRecord) string { return r.Protocol })
	}
	return nil, false
}

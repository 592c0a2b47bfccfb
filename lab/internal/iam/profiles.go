// SPDX-License-Identifier: Apache-2.0

package iam

import "strings"

type profileXML struct {
	Path       string
	Name       string `xml:"InstanceProfileName"`
	ID         string `xml:"InstanceProfileId"`
	ARN        string `xml:"Arn"`
	CreateDate string
	Roles      members[roleXML]
	Tags       *members[tagXML] `xml:"Tags"`
}

func (t *tx) profileXML(i *profileRecord, full bool) profileXML {
	x := profileXML{Path: i.Path, Name: i.Name, ID: i.ID, ARN: t.profileARN(i), CreateDate: timestamp(i.Created)}
	if r := t.Roles[i.Role]; r != nil {
		x.Roles.Items = []roleXML{t.roleXML(r, false)}
	}
	if full {
		x.Tags = optional(tagsXML(i.Tags))
	}
	return x
}

type profileResult struct{ InstanceProfile profileXML }

func (t *tx) profileNamed(name string) (*profileRecord, error) {
	if i := t.Profiles[name]; i != nil {
		return i, nil
	}
	return nil, missing("Instance Profile %s cannot be found.", name)
}

func createInstanceProfile(t *tx, p *params) (any, error) {
	i := &profileRecord{entity: entity{Name: p.name("InstanceProfileName", maxPolicyName), Path: p.path(), Tags: p.tags(),
		Created: t.now}}
	if err := p.done(); err != nil {
		return nil, err
	}
	for name := range t.Profiles {
		if strings.EqualFold(name, i.Name) {
			return nil, exists("Instance Profile %s already exists.", i.Name)
		}
	}
	if len(t.Profiles) >= maxProfiles {
		return nil, quota("InstanceProfilesPerAccount", maxProfiles)
	}
	i.ID = newID(prefixProfile)
	t.Profiles[i.Name] = i
	return profileResult{t.profileXML(i, true)}, nil
}

func getInstanceProfile(t *tx, p *params) (any, error) {
	i, err := asked(p, "InstanceProfileName", t.profileNamed)
	if err != nil {
		return nil, err
	}
	return profileResult{t.profileXML(i, true)}, nil
}

func deleteInstanceProfile(t *tx, p *params) (any, error) {
	i, err := asked(p, "InstanceProfileName", t.profileNamed)
	if err != nil {
		return nil, err
	}
	if i.Role != "" {
		return nil, conflict("Cannot delete entity, must remove roles from instance profile first.")
	}
	delete(t.Profiles, i.Name)
	return nil, nil
}

// addRole puts a role into a profile, which holds at most one (IAM User Guide,
// reference_iam-quotas). The caller needs the right to pass the role to EC2.
func addRole(t *tx, p *params) (any, error) {
	role := p.need("RoleName")
	i, err := asked(p, "InstanceProfileName", t.profileNamed)
	if err != nil {
		return nil, err
	}
	r, err := t.role(role)
	if err != nil {
		return nil, err
	}
	if err := t.authorize("iam:PassRole", t.roleARN(r), p); err != nil {
		return nil, err
	}
	if i.Role != "" {
		return nil, quota("InstanceSessionsPerInstanceProfile", 1)
	}
	i.Role = role
	return nil, nil
}

func removeRole(t *tx, p *params) (any, error) {
	role := p.need("RoleName")
	i, err := asked(p, "InstanceProfileName", t.profileNamed)
	if err != nil {
		return nil, err
	}
	if i.Role != role {
		return nil, missing("The role with name %s cannot be found.", role)
	}
	i.Role = ""
	return nil, nil
}

type profilesResult struct {
	InstanceProfiles members[profileXML]
	truncated
}

func listInstanceProfiles(t *tx, p *params) (any, error) {
	prefix, pg := p.text("PathPrefix"), p.page()
	if err := p.done(); err != nil {
		return nil, err
	}
	names, more := pg.cut(under(t.Profiles, prefix, func(i *profileRecord) string { return i.Path }))
	return profilesResult{membersOf(names, func(n string) profileXML { return t.profileXML(t.Profiles[n], false) }),
		more}, nil
}

func listInstanceProfilesForRole(t *tx, p *params) (any, error) {
	role, pg := p.need("RoleName"), p.page()
	if err := p.done(); err != nil {
		return nil, err
	}
	if _, err := t.role(role); err != nil {
		return nil, err
	}
	names := []string{}
	for name, i := range t.Profiles {
		if i.Role == role {
			names = append(names, name)
		}
	}
	names, more := pg.cut(names)
	return profilesResult{membersOf(names, func(n string) profileXML { return t.profileXML(t.Profiles[n], false) }),
		more}, nil
}

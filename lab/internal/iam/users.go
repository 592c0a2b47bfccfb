// SPDX-License-Identifier: Apache-2.0

package iam

import "strings"

type userXML struct {
	Path       string
	UserName   string
	UserID     string `xml:"UserId"`
	ARN        string `xml:"Arn"`
	CreateDate string
	Tags       *members[tagXML] `xml:"Tags"`
}

func (t *tx) userXML(u *userRecord, full bool) userXML {
	x := userXML{Path: u.Path, UserName: u.Name, UserID: u.ID, ARN: t.userARN(u), CreateDate: timestamp(u.Created)}
	if full {
		x.Tags = optional(tagsXML(u.Tags))
	}
	return x
}

type userResult struct{ User userXML }

func (t *tx) user(name string) (*userRecord, error) {
	if u := t.Users[name]; u != nil {
		return u, nil
	}
	return nil, missing("The user with name %s cannot be found.", name)
}

// self returns the request's user; without a name, the caller.
func (t *tx) self(p *params) (*userRecord, error) {
	name := p.text("UserName")
	if name == "" {
		name = t.who.user
	}
	if err := p.done(); err != nil {
		return nil, err
	}
	if name == "" {
		return nil, invalid("Must specify userName when calling with non-User credentials")
	}
	return t.user(name)
}

func createUser(t *tx, p *params) (any, error) {
	u := &userRecord{entity: entity{Name: p.name("UserName", maxEntityName), Path: p.path(), Tags: p.tags(),
		Created: t.now}}
	if err := p.done(); err != nil {
		return nil, err
	}
	for name := range t.Users {
		if strings.EqualFold(name, u.Name) {
			return nil, exists("User with name %s already exists.", u.Name)
		}
	}
	if len(t.Users) >= maxUsers {
		return nil, quota("UsersPerAccount", maxUsers)
	}
	u.ID = newID(prefixUser)
	t.Users[u.Name] = u
	return userResult{t.userXML(u, true)}, nil
}

func getUser(t *tx, p *params) (any, error) {
	if p.form.Get("UserName") == "" && t.who.Root {
		if err := p.done(); err != nil {
			return nil, err
		}
		return userResult{userXML{UserID: t.cfg.Account, ARN: t.who.ARN, CreateDate: timestamp(t.now)}}, nil
	}
	u, err := t.self(p)
	if err != nil {
		return nil, err
	}
	return userResult{t.userXML(u, true)}, nil
}

func deleteUser(t *tx, p *params) (any, error) {
	name := p.need("UserName")
	if err := p.done(); err != nil {
		return nil, err
	}
	u, err := t.user(name)
	if err != nil {
		return nil, err
	}
	for _, k := range t.Keys {
		if k.User == name {
			return nil, conflict("Cannot delete entity, must delete access keys first.")
		}
	}
	if len(t.devicesOf(name)) > 0 {
		return nil, conflict("Cannot delete entity, must delete MFA device first.")
	}
	if err := u.free(); err != nil {
		return nil, err
	}
	delete(t.Users, name)
	return nil, nil
}

type usersResult struct {
	Users members[userXML]
	truncated
}

func listUsers(t *tx, p *params) (any, error) {
	prefix, pg := p.text("PathPrefix"), p.page()
	if err := p.done(); err != nil {
		return nil, err
	}
	names, more := pg.cut(under(t.Users, prefix, func(u *userRecord) string { return u.Path }))
	return usersResult{membersOf(names, func(n string) userXML { return t.userXML(t.Users[n], false) }), more}, nil
}

type groupsResult struct {
	Groups members[struct{}]
	truncated
}

// listGroupsForUser finds none: the lab has no groups. Clients ask before they delete a
// user.
func listGroupsForUser(t *tx, p *params) (any, error) {
	p.page()
	name := p.need("UserName")
	if err := p.done(); err != nil {
		return nil, err
	}
	if _, err := t.user(name); err != nil {
		return nil, err
	}
	return groupsResult{}, nil
}

// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"strings"
	"time"

	"macaw.example/lab/internal/iam/policy"
)

// The quotas of an account (IAM User Guide, reference_iam-quotas).
const (
	maxRoles       = 1000
	maxProfiles    = 1000
	maxUsers       = 5000
	maxPolicies    = 1500
	maxAttached    = 10
	maxVersions    = 5
	maxKeys        = 2
	maxTrustSize   = 2048
	maxPolicySize  = 6144
	maxRoleInline  = 10240
	maxUserInline  = 2048
	maxEntityName  = 64
	maxPolicyName  = 128
	minSession     = time.Hour
	maxSession     = 12 * time.Hour
	defaultSession = time.Hour
)

type roleXML struct {
	Path       string
	RoleName   string
	RoleID     string `xml:"RoleId"`
	ARN        string `xml:"Arn"`
	CreateDate string
	Trust      string           `xml:"AssumeRolePolicyDocument"`
	Text       string           `xml:"Description,omitempty"`
	MaxSession int              `xml:"MaxSessionDuration,omitempty"`
	Tags       *members[tagXML] `xml:"Tags"`
	LastUsed   *struct{}        `xml:"RoleLastUsed"`
}

// roleXML renders a role; lists omit its tags.
func (t *tx) roleXML(r *roleRecord, full bool) roleXML {
	x := roleXML{Path: r.Path, RoleName: r.Name, RoleID: r.ID, ARN: t.roleARN(r), CreateDate: timestamp(r.Created),
		Trust: escaped(normal(r.Trust)), Text: r.Description, MaxSession: int(r.MaxSession.Seconds())}
	if full {
		x.Tags = optional(tagsXML(r.Tags))
	}
	return x
}

type roleResult struct{ Role roleXML }

func (t *tx) role(name string) (*roleRecord, error) {
	if r := t.Roles[name]; r != nil {
		return r, nil
	}
	return nil, missing("The role with name %s cannot be found.", name)
}

func createRole(t *tx, p *params) (any, error) {
	r := &roleRecord{entity: entity{Name: p.name("RoleName", maxEntityName), Path: p.path(), Tags: p.tags(),
		Created: t.now},
		Trust: p.document("AssumeRolePolicyDocument", policy.Trust, maxTrustSize,
			"ACLSizePerRole"), Description: p.text("Description")}
	r.MaxSession = time.Duration(p.number("MaxSessionDuration", int(defaultSession.Seconds()), int(minSession.Seconds()),
		int(maxSession.Seconds()))) * time.Second
	if err := p.done(); err != nil {
		return nil, err
	}
	for name := range t.Roles {
		if strings.EqualFold(name, r.Name) {
			return nil, exists("Role with name %s already exists.", r.Name)
		}
	}
	if len(t.Roles) >= maxRoles {
		return nil, quota("RolesPerAccount", maxRoles)
	}
	r.ID = newID(prefixRole)
	t.Roles[r.Name] = r
	return roleResult{t.roleXML(r, true)}, nil
}

func getRole(t *tx, p *params) (any, error) {
	r, err := asked(p, "RoleName", t.role)
	if err != nil {
		return nil, err
	}
	x := t.roleXML(r, true)
	x.LastUsed = &struct{}{} // the lab does not record it: as a role that was never used
	return roleResult{x}, nil
}

// deleteRole refuses a role that still has policies or is in a profile (IAM API
// Reference, DeleteRole). Instances that use the role do not prevent its deletion.
func deleteRole(t *tx, p *params) (any, error) {
	r, err := asked(p, "RoleName", t.role)
	if err != nil {
		return nil, err
	}
	for _, i := range t.Profiles {
		if i.Role == r.Name {
			return nil, conflict("Cannot delete entity, must remove roles from instance profile first.")
		}
	}
	if err := r.free(); err != nil {
		return nil, err
	}
	delete(t.Roles, r.Name)
	return nil, nil
}

// free refuses to delete a holder that still has policies.
func (h holder) free() error {
	switch {
	case len(h.Attached) > 0:
		return conflict("Cannot delete entity, must detach all policies first.")
	case len(h.Inline) > 0:
		return conflict("Cannot delete entity, must delete policies first.")
	}
	return nil
}

type rolesResult struct {
	Roles members[roleXML]
	truncated
}

func listRoles(t *tx, p *params) (any, error) {
	prefix, pg := p.text("PathPrefix"), p.page()
	if err := p.done(); err != nil {
		return nil, err
	}
	names, more := pg.cut(under(t.Roles, prefix, func(r *roleRecord) string { return r.Path }))
	return rolesResult{membersOf(names, func(n string) roleXML { return t.roleXML(t.Roles[n], false) }), more}, nil
}

func updateTrust(t *tx, p *params) (any, error) {
	name, text := p.need("RoleName"), p.document("PolicyDocument", policy.Trust, maxTrustSize, "ACLSizePerRole")
	if err := p.done(); err != nil {
		return nil, err
	}
	r, err := t.role(name)
	if err != nil {
		return nil, err
	}
	r.Trust = text
	return nil, nil
}

// updateRole changes the description and the maximum session duration.
// updateRole changes what is given (go-to-k/cdkd, pull request 1239, seen on AWS).
func updateRole(t *tx, p *params) (any, error) {
	name, text := p.need("RoleName"), p.text("Description")
	seconds := p.number("MaxSessionDuration", 0, int(minSession.Seconds()), int(maxSession.Seconds()))
	if err := p.done(); err != nil {
		return nil, err
	}
	r, err := t.role(name)
	if err != nil {
		return nil, err
	}
	if p.form.Has("Description") {
		r.Description = text
	}
	if seconds > 0 {
		r.MaxSession = time.Duration(seconds) * time.Second
	}
	return struct{}{}, nil
}

// updateRoleDescription is the older call, which answers with the role (IAM API Reference,
// UpdateRoleDescription).
func updateRoleDescription(t *tx, p *params) (any, error) {
	name, text := p.need("RoleName"), p.text("Description")
	if err := p.done(); err != nil {
		return nil, err
	}
	r, err := t.role(name)
	if err != nil {
		return nil, err
	}
	r.Description = text
	return roleResult{t.roleXML(r, true)}, nil
}

// trusts reports whether a role's trust policy allows a principal to assume it.
func (t *tx) trusts(r *roleRecord, principals ...string) bool {
	d, err := policy.Parse(r.Trust, policy.Trust)
	return err == nil && policy.Evaluate([]policy.Document{d},
		policy.Request{Action: "sts:AssumeRole", Principals: principals}) == policy.Allow
}
